// Descriptors that need not be in memory: rows that are read in batches, repeatedly.
import { createHash } from 'node:crypto';
import type { Matrix } from '../matrix.js';
import { checkFinite } from './problem.js';

/** Rows on disk, as in a feature store. */
export interface RowSource {
  readonly rows: number;
  readonly columns: number;
  /** All rows in order, a batch at a time; may be called repeatedly. */
  batches(): AsyncIterable<{ readonly matrix: Matrix }>;
}

/** A matrix, or rows read in batches. */
export type Descriptors = Matrix | RowSource;

/** Whether the rows are in memory already. */
export const isMatrix = (descriptors: Descriptors): descriptors is Matrix => 'data' in descriptors;

/** All rows in memory. @throws UsageError naming a row on disk with a number that is not finite */
export const readAll = async (descriptors: Descriptors): Promise<Matrix> => {
  if (isMatrix(descriptors)) return descriptors;
  const { rows, columns } = descriptors;
  const data = new Float32Array(rows * columns);
  let row = 0;
  for await (const { matrix: batch } of descriptors.batches()) {
    checkFinite(batch, 'the descriptors', row);
    data.set(batch.data, row * columns);
    row += batch.rows;
  }
  return { rows, columns, data };
};

/**
 * The rows in blocks of exactly `size` (the last may be smaller): `start` is the block's first row.
 *
 * @throws UsageError naming a row on disk with a number that is not finite
 */
export async function* blocksOf(
  descriptors: Descriptors,
  size: number,
): AsyncGenerator<{ readonly start: number; readonly block: Matrix }> {
  const { rows, columns } = descriptors;
  if (isMatrix(descriptors)) {
    for (let start = 0; start < rows; start += size) {
      const end = Math.min(start + size, rows);
      const data = descriptors.data.subarray(start * columns, end * columns);
      yield { start, block: { rows: end - start, columns, data } };
    }
    return;
  }
  let held = new Float32Array(Math.min(size, rows) * columns);
  let [start, filled] = [0, 0];
  for await (const { matrix: batch } of descriptors.batches()) {
    checkFinite(batch, 'the descriptors', start + filled);
    for (let row = 0; row < batch.rows;) {
      const take = Math.min(batch.rows - row, size - filled);
      held.set(batch.data.subarray(row * columns, (row + take) * columns), filled * columns);
      [row, filled] = [row + take, filled + take];
      if (filled < size) continue;
      yield { start, block: { rows: filled, columns, data: held } };
      [start, filled] = [start + filled, 0];
      held = new Float32Array(Math.min(size, rows - start) * columns);
    }
  }
  if (filled > 0) yield { start, block: { rows: filled, columns, data: held.subarray(0, filled * columns) } };
}

const HASHED_ROWS = 1024;
const hashes = new WeakMap<RowSource, Promise<string>>();

const computeHash = async (descriptors: Descriptors): Promise<string> => {
  const hash = createHash('sha256').update(`${descriptors.rows} x ${descriptors.columns}`);
  for await (const { block } of blocksOf(descriptors, HASHED_ROWS)) hash.update(block.data);
  return hash.digest('hex');
};

/** A hash of all rows, by one pass over them; rows on disk are hashed only once per process. */
export const hashOfRows = (descriptors: Descriptors): Promise<string> => {
  if (isMatrix(descriptors)) return computeHash(descriptors);
  const known = hashes.get(descriptors) ?? computeHash(descriptors);
  hashes.set(descriptors, known);
  return known;
};
