// Scores new images with saved linear SVMs: describes them in memory with the model's recipe and nets.
import { type Backbone, openBackbone } from './backbone/nets/backbone.js';
import { backboneFiles, builtinOf } from './backbone/nets/builtin.js';
import { type Extraction, weightFiles } from './classifiers/extraction.js';
import { loadModel } from './classifiers/model-file.js';
import { type LinearModel, decisionValues } from './classifiers/model.js';
import type { Box } from './datasets/dataset.js';
import { UsageError, option, text } from './errors.js';
import { type DescriberOptions, describeBlocks } from './features/pipeline/describer.js';
import type { Outcome } from './features/pipeline/image.js';
import { netsFor } from './features/pipeline/plan.js';
import { Tally } from './features/pipeline/tally.js';
import type { ByteSource, BytesInMemory } from './images/source.js';
import { type Matrix, divideByNorm, rowOf, stacked } from './matrix.js';
import type { OnProgress, Skipped } from './progress.js';

/** An image to be scored. */
export interface Photo {
  readonly id: string;
  /** Name for messages. */
  readonly path: string;
  readonly source: ByteSource | BytesInMemory;
  /** The person's box, for a model trained on boxes. */
  readonly box?: Box;
}

/** Engine options and callbacks. */
export interface ScoreOptions extends DescriberOptions {
  readonly onProgress?: OnProgress;
  /** Stops the run with InterruptedError. */
  readonly signal?: AbortSignal;
}

/** The scores of the readable images. */
interface Scores {
  readonly photos: readonly Photo[];
  /** Decision values [photos, classes]; positive if the class's SVM accepts the image. */
  readonly scores: Matrix;
  readonly skipped: readonly Skipped[];
}

/** Throws if a model of boxes gets images without boxes, or a model of whole images gets boxes. */
const checkBoxes = (model: string, { stacks }: Extraction, photos: readonly Photo[]): void => {
  const wanted = stacks.some(({ recipe }) => recipe.region.includes('box'));
  const without = photos.find(({ box }) => box === undefined);
  if (wanted && without) {
    throw new UsageError(
      text`${model} describes persons in boxes, but ${without.path} has none. Give a table of boxes with ${option('boxes')}, or evaluate with ${option('region')} image for a model of whole images.`,
    );
  }
  if (!wanted && photos.some(({ box }) => box !== undefined)) {
    throw new UsageError(
      text`${model} describes whole images: leave out ${option('boxes')} and give the images.`,
    );
  }
};

/** The descriptor of one image from all stacks, or why the image was skipped. */
const joined = (outcomes: readonly Outcome[], layers: readonly number[]): Float32Array | string => {
  const vectors: Float32Array[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.kind === 'skipped') return outcome.reason;
    vectors.push(outcome.descriptors[layers[i]!]!);
  }
  return stacked(vectors);
};

/**
 * Scores images, 64 at a time; only the scores are kept. A model trained on int8 descriptors gets fp32
 * descriptors, which its fidelity check found to be close; int8 would depend on another calibration set.
 *
 * @param name the model's, for messages
 * @param nets the nets of each stack of the model
 * @throws UsageError if the model needs boxes and images have none, or the reverse
 */
export const scorePhotos = async (
  name: string,
  model: LinearModel & { readonly extraction: Extraction },
  photos: readonly Photo[],
  nets: readonly (readonly Backbone[])[],
  { onProgress, ...options }: ScoreOptions = {},
): Promise<Scores> => {
  const { extraction } = model;
  checkBoxes(name, extraction, photos);
  const stacks = extraction.stacks.map(({ recipe }, i) =>
    netsFor(nets[i]!, { ...recipe, precision: 'fp32' }),
  );
  const layers = extraction.stacks.map(({ layer }, i) => stacks[i]!.recipe.layers.indexOf(layer));
  const columns = model.classes.length;
  const scored: Photo[] = [];
  const skipped: Skipped[] = [];
  const data = new Float32Array(photos.length * columns);
  const tally = new Tally(photos.length, onProgress);
  await describeBlocks(stacks, photos, options, (start, block) => {
    const vectors: Float32Array[] = [];
    const first = scored.length;
    block.forEach((outcomes, i) => {
      const photo = photos[start + i]!;
      const vector = joined(outcomes, layers);
      tally.add(outcomes.find(({ kind }) => kind === 'skipped') ?? outcomes[0]!);
      if (typeof vector === 'string') {
        skipped.push({ id: photo.id, path: photo.path, reason: vector });
      } else {
        vectors.push(vector);
        scored.push(photo);
      }
    });
    if (vectors.length === 0) return;
    const width = vectors[0]!.length;
    const matrix = { rows: vectors.length, columns: width, data: new Float32Array(vectors.length * width) };
    vectors.forEach((vector, row) => rowOf(matrix, row).set(vector));
    if (extraction.norm !== undefined) divideByNorm(matrix, extraction.norm);
    data.set(decisionValues(model, matrix).data, first * columns);
  });
  const rows = scored.length;
  return { photos: scored, scores: { rows, columns, data: data.subarray(0, rows * columns) }, skipped };
};

/** Options: weight files and engine. */
interface PredictOptions extends ScoreOptions {
  /** Weight files, if they have moved from the paths in the model. */
  readonly backbones?: readonly string[];
}

/** The scores and their model. */
export interface Prediction extends Scores {
  readonly model: LinearModel;
}

/** A model with its recipe and nets. @throws UsageError if it does not record them */
export const withExtraction = <M extends LinearModel>(
  name: string,
  model: M,
): M & { readonly extraction: Extraction } => {
  const { extraction } = model;
  if (!extraction) {
    throw new UsageError(
      text`${name} does not say how its descriptors were made. Evaluate a benchmark with ${option('saveModels')}, or train by LinearSvm.fit, to make one that does.`,
    );
  }
  return { ...model, extraction };
};

/**
 * Scores images with a model on disk. Its nets are looked up at their recorded paths and among `backbones`.
 *
 * @param modelFile a model that `verydeep evaluate` or `LinearSvm` saved
 * @param photos images; ids must be unique
 * @throws UsageError if the file is not a model, weights are missing or different, and as {@link scorePhotos}
 */
export const predictImages = async (
  modelFile: string,
  photos: readonly Photo[],
  { backbones: given = [], ...options }: PredictOptions = {},
): Promise<Prediction> => {
  const backbones = await backboneFiles(given);
  const model = withExtraction(modelFile, await loadModel(modelFile, option('model')));
  checkBoxes(modelFile, model.extraction, photos);
  for (const file of backbones) await openBackbone(file, option('backbone')); // Says what is wrong with a file given.
  const nets: Backbone[][] = [];
  for (const files of await weightFiles(model.extraction, modelFile, backbones, builtinOf)) {
    const own: Backbone[] = [];
    for (const file of files) own.push(await openBackbone(file));
    nets.push(own);
  }
  return { model, ...(await scorePhotos(modelFile, model, photos, nets, options)) };
};
