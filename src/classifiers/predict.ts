// Scores of new images by a saved model: described with the model's own recipe and nets, then its decision values.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { extractFeatures } from '../features/extract.js';
import type { ExtractOptions } from '../features/extract.js';
import type { Matrix } from '../matrix.js';
import { rowOf } from '../matrix.js';
import type { Skipped } from '../progress.js';
import { weightFiles } from './extraction.js';
import { loadModel } from './model-file.js';
import { type LinearModel, decisionValues } from './model.js';

/** An image to be scored. */
export interface Photo {
  readonly id: string;
  readonly path: string;
  readonly source: { readonly file: string };
}

/** Which nets, and what computes. */
export interface PredictOptions extends Pick<
  ExtractOptions,
  'threads' | 'workers' | 'provider' | 'gpu' | 'onProgress' | 'signal' | 'maxPixels'
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

const BATCH = 256;

/**
 * Scores images.
 *
 * @param modelFile a model saved by `verydeep evaluate --save-models`
 * @param photos images; ids must differ
 * @throws UsageError for a file that is no model, weights that are missing or others, or a model of boxes
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
      `${modelFile} does not say how its descriptors were made. Save it with \`verydeep evaluate --save-models\`.`,
    );
  }
  if (extraction.stacks.some(({ recipe }) => recipe.region.includes('box'))) {
    throw new UsageError(
      `${modelFile} describes persons in boxes, and a photo alone has none. Evaluate with --region image for a model of whole images.`,
    );
  }
  const files = await weightFiles(extraction, modelFile, backbones);
  const folder = await mkdtemp(join(tmpdir(), 'verydeep-predict-'));
  try {
    const stores = [];
    for (const [i, { recipe }] of extraction.stacks.entries()) {
      const out = join(folder, String(i));
      const items = photos.map((photo) => ({ ...photo, labels: [] }));
      stores.push((await extractFeatures(items, files[i]!, recipe, { ...machinery, out })).store);
    }
    const skipped = [
      ...new Map(stores.flatMap((store) => store.skipped.map((entry) => [entry.id, entry]))).values(),
    ];
    const ids = new Set(skipped.map(({ id }) => id));
    const scored = photos.filter(({ id }) => !ids.has(id));
    const matrices: Matrix[] = [];
    for (const [i, store] of stores.entries()) matrices.push(await store.read(extraction.stacks[i]!.layer));
    const rows = stores.map((store) => new Map(store.ids.map((id, row) => [id, row])));
    const columns = matrices.reduce((sum, matrix) => sum + matrix.columns, 0);
    const data = new Float32Array(scored.length * model.classes.length);
    for (let start = 0; start < scored.length; start += BATCH) {
      const chunk = scored.slice(start, start + BATCH);
      const batch = { rows: chunk.length, columns, data: new Float32Array(chunk.length * columns) };
      chunk.forEach(({ id }, row) => {
        let column = row * columns;
        matrices.forEach((matrix, i) => {
          batch.data.set(rowOf(matrix, rows[i]!.get(id)!), column);
          column += matrix.columns;
        });
      });
      if (extraction.norm !== undefined) divideByNorm(batch, extraction.norm);
      data.set((await decisionValues(model, batch)).data, start * model.classes.length);
    }
    return {
      model,
      photos: scored,
      scores: { rows: scored.length, columns: model.classes.length, data },
      skipped,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
