// Linear SVMs on descriptors: fit as the benchmarks do, save, load, predict new images.
import { withParameter } from './classifiers/classifier.js';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { FEW_IMAGES } from '../benchmarks/protocol/benchmark.js';
import { choosing, recallMetric } from '../benchmarks/protocol/caltech.js';
import { dividedByNorm, stackedStores } from '../benchmarks/protocol/descriptors.js';
import { type FitOptions, fit, scoresOf } from '../benchmarks/protocol/fit.js';
import { extractionOf } from '../benchmarks/protocol/models.js';
import { apMetric } from '../benchmarks/protocol/official.js';
import type { Backbone } from './backbone/nets/backbone.js';
import { type Extraction, relativeTo, resolvedFrom } from './classifiers/extraction.js';
import { loadModel, saveModel } from './classifiers/model-file.js';
import type { LinearModel } from './classifiers/model.js';
import { probabilities } from './classifiers/platt.js';
import type { Selection } from './classifiers/select.js';
import type { Item } from './datasets/dataset.js';
import { UsageError, expected } from './errors.js';
import type { Net } from './features/net.js';
import type { Features } from './features/store/features.js';
import { claimFiles } from './io/work.js';
import { ImageError } from './images/image.js';
import { type Matrix, rowOf } from './matrix.js';
import type { Skipped } from './progress.js';
import { type Photo, type ScoreOptions, scorePhotos, withExtraction } from './predict.js';

/** How C is chosen, as in the benchmark of any folder: a fifth is held out, or five folds where a class has few images. */
const CHOICE = { validationShare: 0.2, foldsBelow: FEW_IMAGES };

/** Options of the training. */
export interface LinearSvmOptions extends Omit<FitOptions, 'recipe' | 'gram' | 'part'> {
  /** Layer of the descriptors. Default: fc7, or the only layer. */
  readonly layer?: string;
  /** Seed of the split that chooses C. Default: 1. */
  readonly seed?: number;
}

/** A file, encoded bytes, or an item of a data set (its box is used if the recipe needs one). */
export type ImageInput = string | Uint8Array | Pick<Item, 'path' | 'source' | 'box'>;

/** The prediction for one image. */
export interface Answer {
  /** The path, or "image 1" for bytes. */
  readonly path: string;
  /** The class with the highest probability, where the SVMs were calibrated; else with the highest score. */
  readonly class: string;
  /**
   * Decision value of each class; positive if the class's SVM accepts the image, which calibrated SVMs decide by
   * probability. Sorted from the highest, unless class names are integers, which JavaScript puts first in ascending order.
   */
  readonly scores: Readonly<Record<string, number>>;
  /**
   * Probability of each class, independent of the others (they need not sum to 1); only for calibrated SVMs.
   */
  readonly probabilities?: Readonly<Record<string, number>>;
}

/** Predictions for the readable images, in order, and the skipped ones with the reason. */
export interface Answers {
  readonly answers: readonly Answer[];
  readonly skipped: readonly Skipped[];
}

const photoOf = (image: ImageInput, index: number): Photo => {
  const id = String(index);
  if (typeof image === 'string') return { id, path: image, source: { file: image } };
  if (image instanceof Uint8Array) return { id, path: `image ${index + 1}`, source: { bytes: image } };
  const { path, source, box } = image;
  return { id, path, source, ...(box ? { box } : {}) };
};

/** The opened nets of each stack of a model. @throws UsageError naming a missing one */
const netsOf = async ({ stacks }: Extraction, backbones: readonly Backbone[]): Promise<Backbone[][]> => {
  const known = new Map<string, Backbone>();
  for (const backbone of backbones) known.set(await backbone.sha256(), backbone);
  return stacks.map(({ nets }) =>
    nets.map(({ sha256, config, path }) => {
      const found = known.get(sha256);
      if (found) return found;
      throw expected(
        `a net with the weights that the SVMs were trained with (${config}, SHA-256 ${sha256.slice(0, 16)}…)`,
        'predict',
        backbones.map((backbone) => backbone.path),
        path === undefined ? undefined : `They were in ${path}.`,
      );
    }),
  );
};

/** One-vs-rest linear SVMs, with the recipe and nets of their descriptors. */
export class LinearSvm {
  /** Weights, biases, C, certificates: see `LinearModel`. */
  readonly model: LinearModel;
  /** The curve from which C was chosen; undefined if C was given, or the model was loaded. */
  readonly selection: Selection | undefined;
  /** Name for messages. */
  readonly #name: string;

  private constructor(name: string, model: LinearModel, selection?: Selection) {
    this.#name = name;
    this.model = model;
    this.selection = selection;
  }

  /** The classes, in the order of the columns of `scores`. */
  get classes(): readonly string[] {
    return this.model.classes;
  }

  /**
   * Trains one SVM per class on all labelled images (appendix B of the paper). C is chosen as `verydeep
   * evaluate folder` does: by five folds where a class has fewer than 50 images, else on a fifth of each class that is held
   * out; by mean class recall, or by mean average precision if images have several labels or each class has its own C. All
   * images then train with the best C.
   *
   * @param features descriptors with labels, from `describe` or `openFeatures`
   * @throws UsageError for fewer than two classes, a class with one image if C is to be chosen, or
   * descriptors that are not finite
   */
  static async fit(features: Features, options: LinearSvmOptions = {}): Promise<LinearSvm> {
    const { layer, seed = 1, ...given } = options;
    const fitting = withParameter(given);
    const items = features.ids.flatMap((id, row): Item[] => {
      const [path = id, labels = []] = [features.paths[row], features.labels[row]];
      return labels.length === 0 ? [] : [{ id, path, source: { file: path }, labels }];
    });
    const classes = [...new Set(items.flatMap(({ labels }) => labels))].sort((a, b) => (a < b ? -1 : 1));
    if (classes.length < 2) {
      throw expected(
        'images of at least two classes',
        'LinearSvm.fit',
        classes,
        'Labels come from the data set: one folder a class, or a column of a table.',
      );
    }
    const isSingle = items.every(({ labels }) => labels.length === 1);
    const groupOf = fitting.groupOf;
    const rule = { ...CHOICE, seed, ...(groupOf && { groupOf }), ...(isSingle ? {} : { foldsBelow: 0 }) };
    const chosen =
      fitting.c === undefined
        ? choosing({ train: items }, rule, 0, fitting.cFolds)
        : { held: new Set<string>() };
    const descriptors = stackedStores([features], layer);
    const { model, selection } = await fit(
      descriptors,
      classes,
      items,
      chosen.held,
      isSingle && !fitting.cPerClass ? recallMetric : apMetric('all-points'),
      { ...fitting, ...('folds' in chosen && { cFolds: chosen.folds }) },
    );
    const extraction = extractionOf(descriptors, await features.weightFiles());
    return new LinearSvm('The model', { ...model, extraction }, selection);
  }

  /**
   * Loads SVMs written by `save` or `verydeep evaluate --save-models`.
   *
   * @throws UsageError naming the file if it is missing, truncated, or not a model
   */
  static async load(file: string): Promise<LinearSvm> {
    const model = await loadModel(file);
    const { extraction } = model;
    if (!extraction) return new LinearSvm(file, model);
    return new LinearSvm(file, { ...model, extraction: resolvedFrom(dirname(file), extraction) });
  }

  /**
   * Saves the SVMs for `load` and `verydeep predict --model`. The same model gives the same bytes.
   *
   * @param options `force` replaces a file of other work
   * @throws UsageError if another model or file is there
   * @throws VerydeepError naming the file if it cannot be written
   */
  async save(file: string, options: { readonly force?: boolean } = {}): Promise<void> {
    const { extraction, ...model } = this.model;
    const { classes, C, classifier, loss, bias, solver, weights } = model;
    const content = createHash('sha256').update(weights.data).digest('hex');
    const work = {
      ...{ 'the list of classes': classes, classifier, c: [...new Set(C)], loss, bias, solver },
      'the matrix of weights': { is: content, shown: `${weights.rows} x ${weights.columns}` },
    };
    const claimed = await claimFiles([file], 'LinearSvm.save', work, options, 'LinearSvm.save');
    await saveModel(
      file,
      extraction ? { ...model, extraction: relativeTo(dirname(file), extraction) } : model,
    );
    await claimed.made();
  }

  /**
   * Predicts the class of one image: describes it with the recipe of the training and scores it. Each call
   * loads the net; for many images use {@link predictAll}.
   *
   * @param net the net of the descriptors, from `openNet`
   * @throws ImageError if the image cannot be read
   * @throws UsageError if `net` has other weights, or the model does not record its recipe and nets
   */
  async predict(net: Net, image: ImageInput, options: ScoreOptions = {}): Promise<Answer> {
    const { answers, skipped } = await this.predictAll(net, [image], options);
    const [answer] = answers;
    if (answer) return answer;
    const [{ path, reason } = { path: 'the image', reason: 'it was skipped' }] = skipped;
    throw new ImageError(path, reason);
  }

  /** Predicts many images as {@link predict} does; unreadable images are listed in `skipped`, not thrown. */
  async predictAll(net: Net, images: readonly ImageInput[], options: ScoreOptions = {}): Promise<Answers> {
    const model = withExtraction(this.#name, this.model);
    const nets = await netsOf(model.extraction, net.backbones);
    const { photos, scores, skipped } = await scorePhotos(this.#name, model, images.map(photoOf), nets, {
      ...net.machinery,
      ...options,
    });
    const likely = probabilities(model, scores);
    const answers = photos.map(({ path }, row): Answer => this.#answer(path, scores, likely, row));
    return { answers, skipped };
  }

  #answer(path: string, scores: Matrix, likely: Matrix | undefined, row: number): Answer {
    const named = (matrix: Matrix): [string, number][] =>
      this.classes.map((name, c): [string, number] => [name, rowOf(matrix, row)[c] ?? NaN]);
    const falling = ([, a]: [string, number], [, b]: [string, number]): number => b - a;
    const ranked = named(scores).sort(falling);
    const likeliest = likely ? named(likely).sort(falling) : ranked;
    return {
      path,
      class: likeliest[0]?.[0] ?? '',
      scores: Object.fromEntries(ranked),
      ...(likely && { probabilities: Object.fromEntries(likeliest) }),
    };
  }

  /**
   * Decision values of existing descriptors: float32 [rows, classes].
   *
   * @throws UsageError for descriptors of another recipe or other weights
   */
  async scores(features: Features): Promise<Matrix> {
    const { stacks: [stack, ...others] = [], norm } = this.model.extraction ?? {};
    if (others.length > 0) {
      throw new UsageError(
        `${this.#name} was trained on the descriptors of several stores, stacked: score images with predictAll.`,
      );
    }
    const descriptors = stackedStores([features], stack?.layer);
    const items = features.ids.map((id, row) => ({
      id,
      path: features.paths[row] ?? id,
      source: { file: id },
      labels: [],
    }));
    const ready = norm === undefined ? descriptors : dividedByNorm(descriptors, norm);
    return scoresOf(ready, this.model, items);
  }
}
