// A dense matrix of float32 numbers, row by row: descriptors, scores, Gram matrices.

/** `data[row * columns + column]`; `data.length` is `rows * columns`. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** One row, a view of the matrix's own memory. */
export const rowOf = (matrix: Matrix, row: number): Float32Array =>
  matrix.data.subarray(row * matrix.columns, (row + 1) * matrix.columns);

/**
 * Copies rows of one matrix into a range of columns of another: stacking of nets (late fusion, appendix B).
 *
 * @param target receives the rows in its columns from `column` on
 * @param rows pairs of a row of `source` and its row of `target`
 */
export const stackColumns = (
  target: Matrix,
  column: number,
  source: Matrix,
  rows: Iterable<readonly [from: number, to: number]>,
): void => {
  for (const [from, to] of rows) target.data.set(rowOf(source, from), to * target.columns + column);
};

/** Concatenates vectors. A single vector is returned itself, not copied. */
export const stacked = (vectors: readonly Float32Array[]): Float32Array => {
  if (vectors.length === 1) return vectors[0]!;
  const columns = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const target = { rows: 1, columns, data: new Float32Array(columns) };
  let column = 0;
  for (const vector of vectors) {
    stackColumns(target, column, { rows: 1, columns: vector.length, data: vector }, [[0, 0]]);
    column += vector.length;
  }
  return target.data;
};

/** Divides each row, in place, by its Euclidean norm plus `epsilon`. */
export const divideByNorm = (matrix: Matrix, epsilon: number): void => {
  for (let i = 0; i < matrix.rows; i++) {
    const row = rowOf(matrix, i);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) + epsilon;
    row.forEach((value, k) => (row[k] = value / norm));
  }
};
