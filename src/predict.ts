// Scores of new images by linear SVMs: described with the model's own recipe and nets, in memory, then its decision values.
import { type Backbone, openBackbone } from './backbone/nets/backbone.js';
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
  /** As messages name it. */
  readonly path: string;
  readonly source: ByteSource | BytesInMemory;
  /** The person in it, for a model of boxes. */
  readonly box?: Box;
}

/** What computes, and who is told. */
export interface ScoreOptions extends DescriberOptions {
  readonly onProgress?: OnProgress;
  /** Ends the run: InterruptedError is thrown. */
  readonly signal?: AbortSignal;
}

/** The scores of the images that could be read. */
export interface Scores {
  readonly photos: readonly Photo[];
  /** [photos, classes]: above 0 where the class's SVM says "yes". */
  readonly scores: Matrix;
  readonly skipped: readonly Skipped[];
}

/** Refuses images without boxes for a model of boxes, and boxes for a model of whole images. */
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
      text`${model} describes whole images and has no use for ${option('boxes')}. Give the images themselves.`,
    );
  }
};

/** The descriptor of one image, of all stacks, or why one of them has none. */
const joined = (outcomes: readonly Outcome[], layers: readonly number[]): Float32Array | string => {
  const vectors: Float32Array[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.kind === 'skipped') return outcome.reason;
    vectors.push(outcome.descriptors[layers[i]!]!);
  }
  return stacked(vectors);
};

/**
 * Scores images. Descriptors are in memory, 64 images at a time; only scores are kept for all. A model that was trained on
 * int8 descriptors gets those of fp32, which are measured to be close to them: another calibration set would give others.
 *
 * @param name the model's, for messages
 * @param nets the nets of each of the model's stacks
 * @throws UsageError for boxes that the model wants and images lack, or the other way round
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

/** Which nets, and what computes. */
export interface PredictOptions extends ScoreOptions {
  /** Weight files, where they do not lie where the model says. */
  readonly backbones?: readonly string[];
}

/** The scores, and the model that gave them. */
export interface Prediction extends Scores {
  readonly model: LinearModel;
}

/** The model with how its descriptors were made. @throws UsageError where it does not say */
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
 * Scores images by a model on disk; its nets are found where they lay when it was made, or among `backbones`.
 *
 * @param modelFile a model that `verydeep evaluate` or `LinearSvm` saved
 * @param photos images; ids must differ
 * @throws UsageError for a file that is no model, weights that are missing or others, and as {@link scorePhotos}
 */
export const predictImages = async (
  modelFile: string,
  photos: readonly Photo[],
  { backbones = [], ...options }: PredictOptions = {},
): Promise<Prediction> => {
  const model = withExtraction(modelFile, await loadModel(modelFile));
  checkBoxes(modelFile, model.extraction, photos);
  const nets: Backbone[][] = [];
  for (const files of await weightFiles(model.extraction, modelFile, backbones)) {
    const own: Backbone[] = [];
    for (const file of files) own.push(await openBackbone(file));
    nets.push(own);
  }
  return { model, ...(await scorePhotos(modelFile, model, photos, nets, options)) };
};
