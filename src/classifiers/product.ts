// Matrix products and Gram matrices: by ONNX Runtime, or by plain loops if the product is too small to be
// worth a session.
import { type BlockWriter, gram, matmul } from '../engine/gemm.js';
import type { Matrix } from '../matrix.js';

/** Number of multiplications that plain loops do in about the time needed to create a session. */
const FEW = 2_000_000;

/** A·Bᵀ [A's rows, B's rows]; small products are summed in float64. */
export const timesTransposed = (a: Matrix, b: Matrix, threads?: number): Matrix => {
  const shape = { rows: a.rows, columns: b.rows };
  if (a.rows * a.columns * b.rows > FEW) {
    const options = { transposeB: true, ...(threads !== undefined && { threads }) };
    return { ...shape, data: matmul(a.data, a.rows, a.columns, b.data, b.rows, b.columns, options) };
  }
  const data = new Float32Array(a.rows * b.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      let sum = 0;
      for (let k = 0, p = i * a.columns, q = j * b.columns; k < a.columns; k++, p++, q++) {
        sum += a.data[p]! * b.data[q]!;
      }
      data[i * b.rows + j] = sum;
    }
  }
  return { ...shape, data };
};

/** A·B [A's rows, B's columns]. */
export const times = (a: Matrix, b: Matrix, threads?: number): Matrix => {
  const shape = { rows: a.rows, columns: b.columns };
  if (a.rows * a.columns * b.columns > FEW) {
    const options = threads === undefined ? {} : { threads };
    return { ...shape, data: matmul(a.data, a.rows, a.columns, b.data, b.rows, b.columns, options) };
  }
  const data = new Float32Array(a.rows * b.columns);
  const sums = new Float64Array(b.columns);
  for (let i = 0; i < a.rows; i++) {
    sums.fill(0);
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[i * a.columns + k]!;
      if (factor === 0) continue;
      for (let j = 0, q = k * b.columns; j < b.columns; j++, q++) sums[j]! += factor * b.data[q]!;
    }
    data.set(sums, i * b.columns);
  }
  return { ...shape, data };
};

/** X·Xᵀ, written to `into`, by `writer` if given. */
export const gramInto = (x: Matrix, into: Float32Array, threads: number, writer?: BlockWriter): void => {
  if (x.rows * x.rows * x.columns > FEW) gram(x.data, x.rows, x.columns, { threads, into, writer });
  else into.set(timesTransposed(x, x).data);
};
