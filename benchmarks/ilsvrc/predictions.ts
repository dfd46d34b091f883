// Predictions in Kaggle's format: the five most likely classes of each image, each with a box of the whole
// image.
import type { FileHandle } from 'node:fs/promises';
import { csvLines } from '../../src/formats/csv.js';
import type { Item } from '../../src/datasets/dataset.js';
import type { Matrix } from '../../src/matrix.js';
import { rowOf } from '../../src/matrix.js';

const GUESSES = 5;

/** Indices of the highest scores, best first; of equal scores the lower index is first. */
export const best = (scores: Float32Array, count: number): number[] =>
  Array.from(scores.keys())
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, count);

/** Name of an image without folder and ending: Kaggle's ImageId. */
const imageId = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]+$/, '');

/**
 * Lines of a submission: `ImageId,PredictionString` with `wnid xmin ymin xmax ymax` five times. A classifier
 * gives no boxes, so they are the whole image; without its size they are empty. Names of classes with commas, as Tiny
 * ImageNet's, are quoted.
 */
export const predictionLines = (
  items: readonly Item[],
  posteriors: Matrix,
  classes: readonly string[],
  sizeOf: (id: string) => { readonly width: number; readonly height: number } | undefined,
): string[] =>
  items.map(({ id, path }, i) => {
    const { width, height } = sizeOf(id) ?? { width: 0, height: 0 };
    const guesses = best(rowOf(posteriors, i), GUESSES).map((c) => `${classes[c]!} 0 0 ${width} ${height}`);
    return csvLines([[imageId(path), guesses.join(' ')]]).trimEnd();
  });

/** The header of a submission. */
export const predictionHeader = 'ImageId,PredictionString';

/** Appends lines to an open file. */
export const appendLines = (file: FileHandle, lines: readonly string[]): Promise<void> =>
  file.appendFile(lines.map((line) => `${line}\n`).join(''));
