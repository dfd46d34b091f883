// Definition of a benchmark: a data set, a recipe, a protocol, a metric, and published figures.
import type { SvmOptions } from '../../src/classifiers/options.js';
import type { RecipeChoice } from '../../src/features/recipe/recipe.js';

/** A published figure in percent. */
export interface Published {
  readonly method: string;
  readonly mean: number;
  readonly std?: number;
  /** Its differences: more training data, a part of the image only. */
  readonly note?: string;
}

/** Random splits, mean class recall (Caltech). */
export interface RandomSplits {
  readonly kind: 'random splits';
  readonly splits: number;
  readonly trainPerClass: number;
  readonly testPerClass?: number;
  readonly validationShare: number;
  /** Where a class has fewer training images than this, C is chosen by five folds instead of by the held-out share. */
  readonly foldsBelow?: number;
}

/** The data set's own training and test images, one label an image, mean class recall. */
export interface GivenSplits {
  readonly kind: 'given splits';
  /** Names of the data set's splits; all of `train` train in the end. */
  readonly train: readonly string[];
  readonly test: string;
  /** The split of `train` that chooses C; a share of the training images if missing. */
  readonly validate?: string;
  readonly validationShare: number;
  readonly foldsBelow?: number;
}

/** Training images a class below which a held-out fifth is too few to choose C by: five folds are taken. */
export const FEW_IMAGES = 50;

/** One evaluation on official splits: C is chosen by training on `choose.train` and testing on `choose.validate`. */
export interface OfficialRun {
  readonly train: string;
  readonly test: string;
  /** `share` of the training images validates where the official validation split is what is tested. */
  readonly choose: { readonly validate: string } | { readonly share: number };
  /** Whether labels of the test images are public; otherwise result files for the server are written. */
  readonly scored: boolean;
}

/** Official splits, mean average precision (VOC). */
export interface OfficialSplits {
  readonly kind: 'official splits';
  readonly runs: readonly OfficialRun[];
  /** The form of average precision that is the benchmark's figure; the other is reported beside it where `both`. */
  readonly form: '11-point' | 'all-points';
  readonly both: boolean;
  /** Chooses a C for each class by cross-validation over so many folds, instead of one for all on the validation split. */
  readonly folds?: number;
  /** Where the server looks for result files, and the competition that begins their names. */
  readonly server?: { readonly folder: string; readonly competition: string };
}

/** A benchmark. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  /** Name of the data set, as `openDataset` knows it. */
  readonly dataset: string;
  readonly recipe: RecipeChoice;
  /** Divides descriptors by their norm plus this; as they are in the store where missing. */
  readonly norm?: number;
  /** How the SVMs differ from the default: hinge loss, no weights, eight values of C. */
  readonly svm?: Pick<SvmOptions, 'loss' | 'classWeight' | 'cGrid'>;
  readonly protocol: RandomSplits | GivenSplits | OfficialSplits;
  /** What the table of results shows. */
  readonly metric: 'meanClassRecall' | 'mAP';
  readonly published: readonly Published[];
  /** The official split that published figures are for; a run on another is said to be on other images. */
  readonly publishedOn?: 'test';
  /** Notes for comparing figures. */
  readonly notes: readonly string[];
}

/** Display names of metrics. */
export const metricTitles: Readonly<Record<string, string>> = {
  meanClassRecall: 'mean class recall',
  accuracy: 'accuracy',
  top5: 'top-5 accuracy',
  recall: 'recall',
  mAP: 'mean average precision',
  mAP11Point: 'mean average precision, 11-point',
  mAPAllPoints: 'mean average precision, all points',
  ap: 'average precision',
  ap11Point: 'average precision, 11-point',
  apAllPoints: 'average precision, all points',
};
