// Descriptors that are the same whatever the image: from a net with dead units, for example.
import type { Item } from '../../src/datasets/dataset.js';
import type { Message } from '../../src/errors.js';
import { rowOf } from '../../src/matrix.js';
import type { Descriptors } from './descriptors.js';

/** Images that are compared. */
const SAMPLE = 256;
/** The largest difference at which two descriptors count as equal, relative to the largest value. */
const NONE = 1e-5;

/** A remark where the descriptors of the images are all alike; evenly spread ones of them are compared. */
export const alike = async (descriptors: Descriptors, items: readonly Item[]): Promise<Message[]> => {
  const step = Math.max(1, Math.floor(items.length / SAMPLE));
  const sample = items.filter(({ id }, i) => i % step === 0 && descriptors.has(id)).slice(0, SAMPLE);
  if (sample.length < 2) return [];
  const matrix = await descriptors.read(sample);
  const first = rowOf(matrix, 0);
  let [largest, farthest] = [0, 0];
  for (let row = 0; row < matrix.rows; row++) {
    rowOf(matrix, row).forEach((value, column) => {
      largest = Math.max(largest, Math.abs(value));
      farthest = Math.max(farthest, Math.abs(value - first[column]!));
    });
  }
  return farthest <= NONE * largest
    ? [
        `The descriptors of ${sample.length} training images are all alike (they differ by ${farthest.toExponential(1)} at most): the net tells nothing of the images, and the figures are those of chance. Its units may be dead, or the layer may be wrong.`,
      ]
    : [];
};
