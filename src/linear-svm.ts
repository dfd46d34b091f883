// Linear SVMs from descriptors to answers: trained as the benchmarks train them, saved, loaded, asked about new images.
import { dirname } from 'node:path';
import { apMetric } from '../benchmarks/protocol/official.js';
import { recallMetric } from '../benchmarks/protocol/caltech.js';
import { dividedByNorm, stackedStores } from '../benchmarks/protocol/descriptors.js';
import { type FitOptions, fit, scoresOf } from '../benchmarks/protocol/fit.js';
import { extractionOf } from '../benchmarks/protocol/models.js';
import type { Backbone } from './backbone/nets/backbone.js';
import { type Extraction, relativeTo, resolvedFrom } from './classifiers/extraction.js';
import { loadModel, saveModel } from './classifiers/model-file.js';
import type { LinearModel } from './classifiers/model.js';
import { probabilities } from './classifiers/platt.js';
import type { Selection } from './classifiers/select.js';
import type { Item } from './datasets/dataset.js';
import { setAside } from './datasets/splits.js';
import { UsageError, expected } from './errors.js';
import type { Net } from './features/net.js';
import type { Features } from './features/store/features.js';
import { ImageError } from './images/image.js';
import { type Matrix, rowOf } from './matrix.js';
import type { Skipped } from './progress.js';
import { type Photo, type ScoreOptions, scorePhotos, withExtraction } from './predict.js';

/** The share of the training images that are held out to choose C, as in the paper's protocol (appendix B). */
const VALIDATION_SHARE = 0.2;

/** How SVMs are trained; all is optional. */
export interface LinearSvmOptions extends Omit<FitOptions, 'recipe' | 'gram' | 'part'> {
  /** The layer of the descriptors; fc7, or the only one there is. */
  readonly layer?: string;
  /** Of the images held out to choose C. Default 1. */
  readonly seed?: number;
}

/** A file, the encoded bytes of one, or an item of a data set (whose box counts). */
export type ImageInput = string | Uint8Array | Pick<Item, 'path' | 'source' | 'box'>;

/** What the SVMs say of one image. */
export interface Answer {
  /** The path, or "image 1" for bytes. */
  readonly path: string;
  /** The class with the highest score. */
  readonly class: string;
  /**
   * Decision value of each class; above 0 where the class's own SVM says "yes". The highest is the first entry, unless
   * names are whole numbers, which JavaScript sorts.
   */
  readonly scores: Readonly<Record<string, number>>;
  /** Probability of each class by itself (they need not sum to 1), where the SVMs were calibrated. */
  readonly probabilities?: Readonly<Record<string, number>>;
}

/** Answers for many images: those that could be read, in order, and the others with the reason. */
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

/** For each stack of a model its nets, out of those that are open. @throws UsageError naming one that is not among them */
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
        path === undefined ? undefined : `They lay in ${path}.`,
      );
    }),
  );
};

/** One linear SVM a class against all others, with the way their descriptors were made. */
export class LinearSvm {
  /** Weights, biases, C, certificates: see `LinearModel`. */
  readonly model: LinearModel;
  /** How C was chosen: the whole curve. Missing where C was given, and in what was loaded. */
  readonly selection: Selection | undefined;
  /** How messages name it. */
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
   * Trains one SVM a class on all images that have a label (section 4 of the paper, "Implementation details" in appendix B). C is
   * chosen as `verydeep evaluate` does: by training on four fifths of each class and scoring the rest, by mean class recall
   * where every image has one label, else by mean average precision; then all images train with that C.
   *
   * @param features descriptors with labels, from `describe` or `openFeatures`
   * @throws UsageError for fewer than two classes, a class of one image where C is to be chosen, or descriptors that are
   *   not finite
   */
  static async fit(features: Features, options: LinearSvmOptions = {}): Promise<LinearSvm> {
    const { layer, seed = 1, ...fitting } = options;
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
    const held = fitting.C === undefined ? setAside(items, VALIDATION_SHARE, seed).aside : [];
    const descriptors = stackedStores([features], layer);
    const { model, selection } = await fit(
      descriptors,
      classes,
      items,
      new Set(held.map(({ id }) => id)),
      isSingle ? recallMetric : apMetric('all-points'),
      fitting,
    );
    const extraction = extractionOf(descriptors, await features.weightFiles());
    return new LinearSvm('The model', { ...model, extraction }, selection);
  }

  /**
   * Reads SVMs that `save` or `verydeep evaluate --save-models` wrote.
   *
   * @throws UsageError naming the file: missing, cut short, no model
   */
  static async load(file: string): Promise<LinearSvm> {
    const model = await loadModel(file);
    const { extraction } = model;
    if (!extraction) return new LinearSvm(file, model);
    return new LinearSvm(file, { ...model, extraction: resolvedFrom(dirname(file), extraction) });
  }

  /**
   * Writes the SVMs, for `load` and `verydeep predict --model`. The same model gives the same bytes.
   *
   * @throws VerydeepError naming the file when it cannot be written
   */
  async save(file: string): Promise<void> {
    const { extraction, ...model } = this.model;
    await saveModel(
      file,
      extraction ? { ...model, extraction: relativeTo(dirname(file), extraction) } : model,
    );
  }

  /**
   * Says what is in one image: describes it with the recipe that the SVMs were trained on, and scores it. For many images
   * call {@link predictAll}: the net is loaded once a call.
   *
   * @param net the net of the descriptors, from `openNet`
   * @throws ImageError when the image cannot be read
   * @throws UsageError when `net` has other weights, or the SVMs do not say how their descriptors were made
   */
  async predict(net: Net, image: ImageInput, options: ScoreOptions = {}): Promise<Answer> {
    const { answers, skipped } = await this.predictAll(net, [image], options);
    const [answer] = answers;
    if (answer) return answer;
    const [{ path, reason } = { path: 'the image', reason: 'it was skipped' }] = skipped;
    throw new ImageError(path, reason);
  }

  /** What {@link predict} says of each image; those that cannot be read are listed, not thrown. */
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
    const ranked = named(scores).sort(([, a], [, b]) => b - a);
    return {
      path,
      class: ranked[0]?.[0] ?? '',
      scores: Object.fromEntries(ranked),
      ...(likely && { probabilities: Object.fromEntries(named(likely)) }),
    };
  }

  /**
   * Decision values of descriptors that are made already: float32 [rows, classes].
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
