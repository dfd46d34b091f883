// Scores of new images by a saved model: described with the model's own recipe and nets, then its decision values.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError, option, text } from '../errors.js';
import { extractFeatures } from '../features/pipeline/extract.js';
import type { ExtractOptions } from '../features/pipeline/extract.js';
import { readDescriptors } from '../features/store/part.js';
import type { FeatureStore } from '../features/store/reader.js';
import type { Matrix } from '../matrix.js';
import { rowOf } from '../matrix.js';
import type { Skipped } from '../progress.js';
import { type Extraction, weightFiles } from './extraction.js';
import { loadModel } from './model-file.js';
import { type LinearModel, decisionValues } from './model.js';

/** An image to be scored. */
export interface Photo {
  readonly id: string;
  readonly path: string;
  readonly source: { readonly file: string };
  /** The person in it, for a model of boxes. */
  readonly box?: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  };
}

/** Which nets, and what computes. */
export interface PredictOptions extends Pick<
  ExtractOptions,
  'threads' | 'workers' | 'engine' | 'provider' | 'gpu' | 'onProgress' | 'signal' | 'maxPixels'
> {
  /** Weight files, where they do not lie where the model says. */
  readonly backbones?: readonly string[];
}

/** The scores of the images that could be read. */
export interface Prediction {
  readonly model: LinearModel;
  readonly photos: readonly Photo[];
  /** [photos, classes]: above 0 where the class's SVM says "yes". */
  readonly scores: Matrix;
  readonly skipped: readonly Skipped[];
}

/** Divides each descriptor by its norm plus `epsilon`. */
export const divideByNorm = (matrix: Matrix, epsilon: number): void => {
  for (let i = 0; i < matrix.rows; i++) {
    const row = rowOf(matrix, i);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) + epsilon;
    row.forEach((value, k) => (row[k] = value / norm));
  }
};

/** Refuses images without boxes for a model of boxes, and boxes for a model of whole images. */
const checkBoxes = (modelFile: string, { stacks }: Extraction, photos: readonly Photo[]): void => {
  const wanted = stacks.some(({ recipe }) => recipe.region.includes('box'));
  const without = photos.find(({ box }) => box === undefined);
  if (wanted && without) {
    throw new UsageError(
      text`${modelFile} describes persons in boxes, but ${without.path} has none. Give a table of boxes with ${option('boxes')}, or evaluate with ${option('region')} image for a model of whole images.`,
    );
  }
  if (!wanted && photos.some(({ box }) => box !== undefined)) {
    throw new UsageError(
      text`${modelFile} describes whole images and has no use for ${option('boxes')}. Give the images themselves.`,
    );
  }
};

/** Descriptors of one part after the other, stacked: row i is of `ids[i]`, an image that every store describes. */
const stackedParts = async function* (
  stores: readonly FeatureStore[],
  layers: readonly string[],
): AsyncGenerator<{ ids: string[]; matrix: Matrix }> {
  const columns = stores.reduce((sum, store, i) => sum + store.columns(layers[i]!), 0);
  for (const [at, first] of stores[0]!.parts.entries()) {
    // The same list of images makes the same parts in every store; images skipped in one of them are left out.
    const parts = stores.map((store) => store.parts[at]!);
    const ids = first.ids.filter((id) => parts.every((part) => part.ids.includes(id)));
    const matrix = { rows: ids.length, columns, data: new Float32Array(ids.length * columns) };
    let column = 0;
    for (const [i, part] of parts.entries()) {
      const width = stores[i]!.columns(layers[i]!);
      const data = new Float32Array(part.rows * width);
      await readDescriptors(part, layers[i]!, data);
      ids.forEach((id, row) => {
        const from = part.ids.indexOf(id) * width;
        matrix.data.set(data.subarray(from, from + width), row * columns + column);
      });
      column += width;
    }
    yield { ids, matrix };
  }
};

/**
 * Scores images. Descriptors go through a temporary folder and are read from it 64 at a time: only scores are kept for
 * all images. A model that was trained on int8 descriptors gets those of fp32, which the gate holds close to them: to
 * quantise anew on other images would give others.
 *
 * @param modelFile a model saved by `verydeep evaluate`
 * @param photos images; ids must differ
 * @throws UsageError for a file that is no model, weights that are missing or others, or boxes that the model wants
 *   and images lack, or the other way round
 */
export const predictImages = async (
  modelFile: string,
  photos: readonly Photo[],
  options: PredictOptions = {},
): Promise<Prediction> => {
  const { backbones = [], ...machinery } = options;
  const model = await loadModel(modelFile);
  const { extraction } = model;
  if (!extraction) {
    throw new UsageError(
      text`${modelFile} does not say how its descriptors were made. Evaluate a benchmark with ${option('saveModels')} to make one that does.`,
    );
  }
  checkBoxes(modelFile, extraction, photos);
  const files = await weightFiles(extraction, modelFile, backbones);
  const folder = await mkdtemp(join(tmpdir(), 'verydeep-predict-'));
  try {
    const stores: FeatureStore[] = [];
    for (const [i, { recipe }] of extraction.stacks.entries()) {
      const out = join(folder, String(i));
      const items = photos.map((photo) => ({ ...photo, labels: [] }));
      const choice = { ...recipe, precision: 'fp32' } as const;
      stores.push((await extractFeatures(items, files[i]!, choice, { ...machinery, out })).store);
    }
    const skipped = [
      ...new Map(stores.flatMap((store) => store.skipped.map((entry) => [entry.id, entry]))).values(),
    ];
    const ids = new Set(skipped.map(({ id }) => id));
    const scored = photos.filter(({ id }) => !ids.has(id));
    const columns = model.classes.length;
    const rows = new Map(scored.map(({ id }, row) => [id, row]));
    const data = new Float32Array(scored.length * columns);
    const layers = extraction.stacks.map(({ layer }) => layer);
    for await (const { ids: part, matrix } of stackedParts(stores, layers)) {
      if (extraction.norm !== undefined) divideByNorm(matrix, extraction.norm);
      const values = await decisionValues(model, matrix);
      part.forEach((id, i) => data.set(rowOf(values, i), rows.get(id)! * columns));
    }
    return {
      model,
      photos: scored,
      scores: { rows: scored.length, columns, data },
      skipped,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
