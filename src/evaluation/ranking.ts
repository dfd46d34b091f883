// Ranks items by descending score: stable on ties, items without a score last.
import { expected } from '../errors.js';

/** The score of an item missing from the results: it ranks last. */
export const MISSING = -Infinity;

/**
 * Indices of `scores` from the highest score to the lowest. Equal scores keep their order, as the development
 * kits' sort does, so that the ranking is unique.
 *
 * @param scores one number an item; {@link MISSING} for an item without a score
 * @throws UsageError when a score is not a number
 */
export const rank = (scores: ArrayLike<number>): Uint32Array => {
  const order = new Uint32Array(scores.length);
  for (let i = 0; i < order.length; i++) {
    if (Number.isNaN(scores[i])) throw expected('a number', `the score of item ${i}`, 'NaN');
    order[i] = i;
  }
  // Equal infinities would give NaN when subtracted: compare instead.
  return order.sort((a, b) => (scores[a]! > scores[b]! ? -1 : scores[a]! < scores[b]! ? 1 : a - b));
};

/** The index of the highest score of a row; the first of equal ones; -1 for a row without scores. */
export const argmax = (row: ArrayLike<number>): number => {
  let best = -1;
  for (let i = 0; i < row.length; i++) if (row[i]! > (best < 0 ? MISSING : row[best]!)) best = i;
  return best;
};
