// Weighted k nearest neighbours, as DINO's evaluator counts them: each of the k most similar training rows votes for its classes with exp(cosine / temperature).
import { expected, option } from '../errors.js';
import { type Matrix, rowOf } from '../matrix.js';
import { timesTransposed } from './product.js';
import type { ClassLabels } from './problem.js';

/** Rows whose neighbours are looked for at a time. */
const BLOCK = 512;

/** The temperature of DINO's evaluator. */
export const TEMPERATURE = 0.07;

/** Values of k that are tried where none is given: DINO's, and smaller ones. */
export const DEFAULT_NEIGHBOURS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200];

/** What votes: labels [rows, classes] of the training rows, +1, -1, or 0 where a row has no vote. */
export interface Voters {
  readonly labels: Int8Array;
  readonly temperature: number;
}

/** The rows, each divided by its norm; a row of zeros stays. */
export const unitRows = ({ rows, columns, data }: Matrix): Matrix => {
  const unit = { rows, columns, data: Float32Array.from(data) };
  for (let i = 0; i < rows; i++) {
    const row = rowOf(unit, i);
    let square = 0;
    for (const x of row) square += x * x;
    const norm = Math.sqrt(square);
    if (norm > 0) for (let k = 0; k < columns; k++) row[k]! /= norm;
  }
  return unit;
};

/** [rows, classes] labels. */
export const votesOf = (classes: readonly ClassLabels[]): Int8Array => {
  const rows = classes[0]!.labels.length;
  const labels = new Int8Array(rows * classes.length);
  classes.forEach((own, c) => own.labels.forEach((y, row) => (labels[row * classes.length + c] = y)));
  return labels;
};

/** Refuses more neighbours than there are rows with a vote. */
export const checkNeighbours = (ks: readonly number[], voters: number): void => {
  const most = Math.max(...ks);
  if (most > voters) throw expected(`at most ${voters}, the training images`, option('neighbours'), most);
};

/** The indices of the `k` highest values, highest first; of equal ones the first. */
const nearest = (values: Float32Array, k: number): number[] => {
  const least = Float32Array.from(values).sort()[values.length - k]!;
  const above: number[] = [];
  const equal: number[] = [];
  values.forEach((value, i) => {
    if (value > least) above.push(i);
    else if (value === least) equal.push(i);
  });
  return [...above, ...equal.slice(0, k - above.length)].sort((a, b) => values[b]! - values[a]! || a - b);
};

/**
 * The share of the votes that each class gets, [rows, classes], for several k at once: `ks[j][c]` is that of class c. Between
 * 0 and 1, 0 where none of the neighbours has a vote.
 *
 * @param unit the training rows, of norm one
 */
export const neighbourScores = (
  queries: Matrix,
  unit: Matrix,
  { labels, temperature }: Voters,
  ks: readonly (readonly number[])[],
): Matrix[] => {
  const classes = labels.length / unit.rows;
  const voting = Array.from({ length: unit.rows }, (_, row) =>
    labels.subarray(row * classes, (row + 1) * classes).some((y) => y !== 0),
  );
  const voters = voting.filter(Boolean).length;
  const most = Math.min(voters, Math.max(...ks.flat()));
  const results = ks.map(() => new Float32Array(queries.rows * classes));
  for (let start = 0; start < queries.rows; start += BLOCK) {
    const end = Math.min(queries.rows, start + BLOCK);
    const data = queries.data.subarray(start * queries.columns, end * queries.columns);
    const block = unitRows({ rows: end - start, columns: queries.columns, data });
    const cosines = timesTransposed(block, unit);
    for (let i = 0; i < block.rows; i++) {
      const own = rowOf(cosines, i);
      voting.forEach((votes, row) => {
        if (!votes) own[row] = -Infinity;
      });
      const near = nearest(own, most);
      const weights = near.map((row) => Math.exp((own[row]! - own[near[0]!]!) / temperature));
      ks.forEach((perClass, j) => {
        for (let c = 0; c < classes; c++) {
          let [votes, all] = [0, 0];
          for (let at = 0; at < Math.min(most, perClass[c]!); at++) {
            const y = labels[near[at]! * classes + c]!;
            if (y > 0) votes += weights[at]!;
            if (y !== 0) all += weights[at]!;
          }
          results[j]![(start + i) * classes + c] = all > 0 ? votes / all : 0;
        }
      });
    }
  }
  return results.map((data) => ({ rows: queries.rows, columns: classes, data }));
};
