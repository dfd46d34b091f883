// The Gram matrix of all rows, made once and shared by every class and every C.
import { UsageError } from '../errors.js';
import { type Matrix, rowOf } from '../matrix.js';

/** Inner products of all pairs of rows, float32, in memory that threads can share. */
export interface Gram {
  readonly rows: number;
  readonly data: Float32Array;
}

/** The most rows whose Gram matrix has 4 GB or less. */
export const MOST_ROWS = 32_000;

/** [rows, rows] inner products of the rows of `matrix`. */
export const gramOf = (matrix: Matrix): Gram => {
  const { rows } = matrix;
  if (rows > MOST_ROWS) {
    throw new UsageError(
      `The Gram matrix of ${rows} rows does not fit (at most ${MOST_ROWS} rows). Choose --solver primal, which streams the descriptors.`,
    );
  }
  const data = new Float32Array(new SharedArrayBuffer(rows * rows * 4));
  for (let i = 0; i < rows; i++) {
    const a = rowOf(matrix, i);
    for (let j = 0; j <= i; j++) {
      const b = rowOf(matrix, j);
      let sum = 0;
      for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
      data[i * rows + j] = sum;
      data[j * rows + i] = sum;
    }
  }
  return { rows, data };
};
