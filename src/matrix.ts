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
