// Matrix products in float32 on ONNX Runtime: general ones, and Gram matrices by symmetric blocks.
import { availableParallelism } from 'node:os';
import { expected } from '../errors.js';
import { GraphBuilder } from './onnx.js';
import { NativeSession, Value, allocate } from './ort.js';

/** How a product is computed. */
export interface GemmOptions {
  /** Threads that compute; default all cores. */
  readonly threads?: number;
}

/** Rows of a block of a Gram matrix: large enough for full speed, small enough that little is computed twice; of more threads each has its share. */
const BLOCK = 384;
const BLOCK_SHARED = 512;

const productModel = (transposeA: boolean, transposeB: boolean): Uint8Array => {
  const g = new GraphBuilder();
  const a = g.input('a', 'float32', ['i', 'j']);
  const b = g.input('b', 'float32', ['k', 'l']);
  const attributes = { transA: Number(transposeA), transB: Number(transposeB) };
  g.output(g.node('FusedMatMul', [a, b], attributes, { domain: 'com.microsoft', name: 'c' }), 'float32', [
    'm',
    'n',
  ]);
  return g.model();
};

const checkMatrix = (name: string, data: Float32Array, rows: number, columns: number): void => {
  for (const [side, size] of Object.entries({ rows, columns }))
    if (!Number.isInteger(size) || size < 1)
      throw expected('a positive whole number', `${side} of ${name}`, size);
  if (data.length !== rows * columns)
    throw expected(`${rows} x ${columns} = ${rows * columns} numbers`, `the matrix ${name}`, data.length);
};

const run = (session: NativeSession, inputs: readonly Value[], output: Value): void => {
  try {
    session.run(inputs, [output]);
  } finally {
    output.release();
  }
};

/**
 * The product A·B, or with transposed factors, in float32.
 *
 * @param a A, row-major, `aRows` x `aColumns` as it lies in memory
 * @param b B, row-major, `bRows` x `bColumns` as it lies in memory
 * @returns the product, row-major
 * @throws UsageError when lengths or inner dimensions do not fit
 */
export const matmul = (
  a: Float32Array,
  aRows: number,
  aColumns: number,
  b: Float32Array,
  bRows: number,
  bColumns: number,
  options: GemmOptions & { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
): Float32Array => {
  const { transposeA = false, transposeB = false, threads = availableParallelism() } = options;
  checkMatrix('A', a, aRows, aColumns);
  checkMatrix('B', b, bRows, bColumns);
  const [rows, inner] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [innerB, columns] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (inner !== innerB) throw expected(`${inner} rows`, 'the second factor of a product', innerB);
  const c = allocate('float32', rows * columns);
  const session = new NativeSession(productModel(transposeA, transposeB), { threads });
  const values: Value[] = [];
  try {
    values.push(new Value(a, 'float32', [aRows, aColumns]), new Value(b, 'float32', [bRows, bColumns]));
    run(session, values, new Value(c, 'float32', [rows, columns]));
  } finally {
    for (const value of values) value.release();
    session.close();
  }
  return c;
};

/**
 * The Gram matrix X·Xᵀ in float32: blocks above the diagonal are computed, those below are their mirror images, so the
 * result is exactly symmetric.
 *
 * @param x the rows whose inner products are taken, row-major, `rows` x `columns`
 * @param options.into where to write the result, such as memory that threads share; default new memory
 * @returns `rows` x `rows`, row-major
 * @throws UsageError when the length of `x` does not fit
 */
export const gram = (
  x: Float32Array,
  rows: number,
  columns: number,
  options: GemmOptions & { readonly into?: Float32Array } = {},
): Float32Array => {
  checkMatrix('X', x, rows, columns);
  if (options.into) checkMatrix('into', options.into, rows, rows);
  const result = options.into ?? allocate('float32', rows * rows);
  const threads = options.threads ?? availableParallelism();
  const size = Math.min(rows, threads > 1 ? BLOCK_SHARED : BLOCK);
  const session = new NativeSession(productModel(false, true), { threads });
  const strips: Value[] = [];
  const block = allocate('float32', size ** 2);
  try {
    for (let i = 0; i < rows; i += size) {
      const height = Math.min(size, rows - i);
      strips.push(new Value(x.subarray(i * columns, (i + height) * columns), 'float32', [height, columns]));
    }
    strips.forEach((left, p) => {
      for (let q = p; q < strips.length; q++) {
        const right = strips[q]!;
        const [m, n] = [left.dims[0]!, right.dims[0]!];
        run(session, [left, right], new Value(block.subarray(0, m * n), 'float32', [m, n]));
        placeBlock(result, rows, block, p * size, q * size, m, n);
      }
    });
  } finally {
    for (const strip of strips) strip.release();
    session.close();
  }
  return result;
};

/** Numbers that lie side by side in a mirrored row: a line of the processor's cache. */
const TILE = 16;

/**
 * Copies an m x n block to (top, left) of a symmetric matrix, and its mirror image to (left, top). A block on the
 * diagonal, which is symmetric up to rounding, becomes exactly so: its upper half counts.
 */
const placeBlock = (
  matrix: Float32Array,
  size: number,
  block: Float32Array,
  top: number,
  left: number,
  m: number,
  n: number,
): void => {
  for (let r = 0; r < m; r++) matrix.set(block.subarray(r * n, (r + 1) * n), (top + r) * size + left);
  for (let first = 0; first < m; first += TILE) {
    for (let c = 0; c < n; c++) {
      const last = Math.min(first + TILE, top === left ? c : m);
      const to = (left + c) * size + top;
      for (let r = first; r < last; r++) matrix[to + r] = block[r * n + c]!;
    }
  }
};
