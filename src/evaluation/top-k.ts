// Top-k accuracy: the true class has one of the k highest scores (1 minus it is the top-k error of the
// paper's tables).
import { expected } from '../errors.js';
import type { Matrix } from '../matrix.js';
import { rowOf } from '../matrix.js';
import { MISSING } from './ranking.js';

/**
 * Number of classes ranked before the true one: those of a higher score, and those of the same score with a
 * lower index, as in a stable sort. A true class without a score, or with a score that is not a number, ranks
 * last.
 */
const rankOfTruth = (row: Float32Array, truth: number): number => {
  const score = row[truth]!;
  if (!(score > MISSING)) return row.length;
  let before = 0;
  for (let c = 0; c < row.length; c++) {
    if (row[c]! > score || (row[c] === score && c < truth)) before++;
  }
  return before;
};

/**
 * The share of items whose true class has one of the `k` highest scores, in [0, 1]; NaN if there are no
 * items.
 *
 * @param scores one row an item, one column a class; a row of -Infinity for an item without scores (never
 * right)
 * @param truth the class index of each item
 * @param k at least 1; k = 1 is accuracy
 * @throws UsageError when the lengths differ, k is not a whole number from 1 to the number of classes, or a
 * class index is out of range
 */
export const topK = (scores: Matrix, truth: ArrayLike<number>, k: number): number => {
  if (!Number.isInteger(k) || k < 1 || k > scores.columns) {
    throw expected(`a whole number from 1 to the ${scores.columns} classes`, 'k', k);
  }
  if (scores.rows !== truth.length) throw expected(`${truth.length} rows of scores`, 'scores', scores.rows);
  let right = 0;
  for (let i = 0; i < truth.length; i++) {
    const label = truth[i]!;
    if (!(Number.isInteger(label) && label >= 0 && label < scores.columns)) {
      throw expected(`a class index below ${scores.columns}`, `the true class of item ${i}`, label);
    }
    if (rankOfTruth(rowOf(scores, i), label) < k) right++;
  }
  return right / truth.length;
};
