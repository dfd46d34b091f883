// The Caltech protocol (appendix B): random splits of N training images a class, C chosen on a fifth of them, mean class recall.
import type { Metric } from '../../src/classifiers/select.js';
import type { Item } from '../../src/datasets/dataset.js';
import { setAside, stratifiedSplit } from '../../src/datasets/splits.js';
import type { Split } from '../../src/datasets/splits.js';
import { accuracy, classRecalls, confusionMatrix, meanClassRecall } from '../../src/evaluation/confusion.js';
import { argmax } from '../../src/evaluation/ranking.js';
import { bootstrap } from '../../src/evaluation/statistics.js';
import type { BootstrapOptions, Interval } from '../../src/evaluation/statistics.js';
import { topK } from '../../src/evaluation/top-k.js';
import { type Matrix, rowOf } from '../../src/matrix.js';
import type { OnProgress } from '../../src/progress.js';
import type { Descriptors } from './descriptors.js';
import { type FitOptions, fit, inPart, scoresOf } from './fit.js';
import { groupedSplit, setGroupsAside } from './grouped-split.js';
import { apMetric } from './official.js';
import type { SplitOutcome } from './outcome.js';

/** The protocol's numbers; those of the paper are in the benchmark's file. */
export interface CaltechProtocol {
  readonly splits: number;
  readonly trainPerClass: number;
  /** Maximum number of test images per class; all others if missing. */
  readonly testPerClass?: number;
  /** The share of the training images that chooses C. */
  readonly validationShare: number;
  /** Where a class has fewer training images, C is chosen by five folds. */
  readonly foldsBelow?: number;
  readonly seed: number;
  /** Groups of images that are never on both sides of a split. */
  readonly groupOf?: (item: Item) => string;
}

const PERCENT = 100;

/** The predicted class index of each row of scores. */
export const predictionsOf = (scores: Matrix): Int32Array =>
  Int32Array.from({ length: scores.rows }, (_, row) => argmax(rowOf(scores, row)));

/** Mean class recall as a metric to choose C by: one recall a class, from labels of one against the rest. */
export const recallMetric: Metric = (scores, labels) => {
  const truth = Array.from({ length: scores.rows }, (_, row) => labels.findIndex((own) => own[row] === 1));
  return [...classRecalls(confusionMatrix(truth, predictionsOf(scores), labels.length))];
};

/** Training and test images of one split. */
export const drawSplit = (items: readonly Item[], protocol: CaltechProtocol, index: number): Split => {
  const { trainPerClass, testPerClass, seed, groupOf } = protocol;
  const options = { trainPerClass, seed, index, ...(testPerClass === undefined ? {} : { testPerClass }) };
  return groupOf ? groupedSplit(items, { ...options, groupOf }) : stratifiedSplit(items, options);
};

/** How many training images of each class stand apart: groups count once. */
const smallestClass = (train: readonly Item[], groupOf: (item: Item) => string): number => {
  const groups = new Map<string, Set<string>>();
  for (const item of train) {
    const own = groups.get(item.labels[0]!) ?? new Set<string>();
    groups.set(item.labels[0]!, own.add(groupOf(item)));
  }
  return Math.min(...[...groups.values()].map(({ size }) => size));
};

const FOLDS = 5;

/**
 * How many folds choose C: five where a class has fewer training images than `below`, or as many as its smallest class
 * has images; undefined where a held-out part is enough, or where there is no second image of a class.
 */
export const foldsFor = (
  train: readonly Item[],
  below: number | undefined,
  groupOf: (item: Item) => string = ({ id }) => id,
): number | undefined => {
  const smallest = smallestClass(train, groupOf);
  return below !== undefined && smallest < below && smallest >= 2 ? Math.min(FOLDS, smallest) : undefined;
};

const intervalOf = (
  truth: readonly number[],
  predicted: Int32Array,
  classes: number,
  options: BootstrapOptions,
): Interval => {
  const sizes = new Uint32Array(classes);
  const right = new Uint32Array(classes);
  const interval = bootstrap(
    truth.length,
    (drawn) => {
      sizes.fill(0);
      right.fill(0);
      for (const i of drawn) {
        sizes[truth[i]!]!++;
        if (truth[i] === predicted[i]) right[truth[i]!]!++;
      }
      let [sum, seen] = [0, 0];
      sizes.forEach((size, c) => {
        if (size === 0) return;
        sum += right[c]! / size;
        seen++;
      });
      return (PERCENT * sum) / seen;
    },
    options,
  );
  return interval;
};

/** Images that train and test together, and how C is chosen among the training images. */
export interface DrawnSplit extends Split {
  /** "split 1", "test". */
  readonly name: string;
  /** Training images that choose C; a share of them is set aside where missing. */
  readonly validation?: { readonly name: string; readonly items: readonly Item[] };
}

/** The numbers that decide how C is chosen. */
type Choosing = Pick<CaltechProtocol, 'validationShare' | 'foldsBelow' | 'seed' | 'groupOf'>;

/** What is held out to choose C with, or into how many folds the training images are dealt. */
export const choosing = (
  { train, validation }: Pick<DrawnSplit, 'train' | 'validation'>,
  { validationShare, foldsBelow, seed, groupOf }: Choosing,
  index: number,
  asked: number | undefined,
): { held: ReadonlySet<string>; folds?: number; on: string } => {
  const ids = (items: readonly Item[]): Set<string> => new Set(items.map(({ id }) => id));
  if (asked === undefined && validation) return { held: ids(validation.items), on: validation.name };
  const folds = asked ?? foldsFor(train, foldsBelow, groupOf);
  if (folds !== undefined) return { held: new Set(), folds, on: `${folds} folds of the training images` };
  const { aside } = groupOf
    ? setGroupsAside(train, validationShare, groupOf, seed, index)
    : setAside(train, validationShare, seed, index);
  return { held: ids(aside), on: `${PERCENT * validationShare} % of the training images held out` };
};

/**
 * Evaluates one split: images with one label each and a descriptor.
 *
 * @param index which of several splits with one seed, from 0
 * @throws UsageError where no image is left to choose C with
 */
const evaluateDrawn = async (
  split: DrawnSplit,
  descriptors: Descriptors,
  protocol: Choosing,
  index: number,
  options: FitOptions & { readonly bootstrap?: BootstrapOptions } = {},
): Promise<SplitOutcome> => {
  const started = performance.now();
  const { bootstrap: resampling, ...fitting } = options;
  const { name: splitName, train, test } = split;
  const classes = [...new Set(train.map(({ labels }) => labels[0]!))].sort((a, b) => (a < b ? -1 : 1));
  const chosen =
    fitting.c === undefined
      ? choosing(split, protocol, index, fitting.cFolds)
      : { held: new Set<string>(), on: 'nothing' };
  // A C of its own for each class is chosen by what its own SVM ranks: its recall would depend on all others.
  const metric = fitting.cPerClass ? 'mAP' : 'meanClassRecall';
  const fitted = await fit(
    descriptors,
    classes,
    train,
    chosen.held,
    metric === 'mAP' ? apMetric('all-points') : recallMetric,
    {
      ...fitting,
      ...(chosen.folds === undefined ? {} : { cFolds: chosen.folds }),
      ...(protocol.groupOf ? { groupOf: protocol.groupOf } : {}),
    },
  );
  const scores = await scoresOf(descriptors, fitted.model, test);
  const place = new Map(classes.map((name, i) => [name, i]));
  const truth = test.map(({ labels }) => place.get(labels[0]!)!);
  const predicted = predictionsOf(scores);
  const confusion = confusionMatrix(truth, predicted, classes.length);
  const recalls = classRecalls(confusion);
  const count = (list: readonly Item[], name: string) =>
    list.filter(({ labels }) => labels[0] === name).length;
  return {
    name: splitName,
    classes,
    train,
    test,
    scores,
    ...fitted,
    ...(fitted.selection ? { choice: { metric, on: chosen.on } } : {}),
    figures: {
      meanClassRecall: PERCENT * meanClassRecall(confusion),
      accuracy: PERCENT * accuracy(confusion),
      ...(classes.length > 5 ? { top5: PERCENT * topK(scores, truth, 5) } : {}),
    },
    perClass: classes.map((name, c) => ({
      name,
      train: count(train, name),
      test: count(test, name),
      figures: { recall: PERCENT * recalls[c]! },
    })),
    interval: intervalOf(truth, predicted, classes.length, { seed: protocol.seed, ...resampling }),
    seconds: (performance.now() - started) / 1000,
  };
};

/**
 * Evaluates one of the protocol's random splits.
 *
 * @param items all images, each with one label and a descriptor
 * @param index which split, from 0
 * @throws UsageError when a class has too few images
 */
export const evaluateSplit = (
  items: readonly Item[],
  descriptors: Descriptors,
  protocol: CaltechProtocol,
  index: number,
  options: FitOptions & { readonly bootstrap?: BootstrapOptions } = {},
): Promise<SplitOutcome> => {
  const split = { name: `split ${index + 1}`, ...drawSplit(items, protocol, index) };
  return evaluateDrawn(split, descriptors, protocol, index, options);
};

/** Evaluates splits, one after the other. */
export const evaluateSplits = async (
  splits: readonly DrawnSplit[],
  descriptors: Descriptors,
  protocol: Choosing,
  options: FitOptions & { readonly bootstrap?: BootstrapOptions; readonly onProgress?: OnProgress } = {},
): Promise<SplitOutcome[]> => {
  const outcomes: SplitOutcome[] = [];
  for (const [index, split] of splits.entries()) {
    const own = inPart(options, split.name.replaceAll(' ', '-'));
    outcomes.push(await evaluateDrawn(split, descriptors, protocol, index, own));
  }
  return outcomes;
};
