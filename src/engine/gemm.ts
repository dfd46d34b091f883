// Matrix products in float32 on ONNX Runtime: general ones, and Gram matrices by symmetric blocks.
import { usableCores } from '../cores.js';
import { expected } from '../errors.js';
import { GraphBuilder } from './onnx.js';
import { NativeSession, Value, allocate } from './ort.js';

/** How a product is computed. */
interface GemmOptions {
  /** Threads that compute; default all cores. */
  readonly threads?: number;
}

/** Rows of a block of a Gram matrix, on one thread and on several: large enough for full speed, small enough that little is computed twice. */
const BLOCK = 384;
const SHARED_BLOCK = 512;

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
 * @param a A, row-major, stored as `aRows` x `aColumns`
 * @param b B, row-major, stored as `bRows` x `bColumns`
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
  const { transposeA = false, transposeB = false, threads = usableCores() } = options;
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

/** Writes the blocks of a Gram matrix, and their mirror images, to the matrix. */
export interface BlockWriter {
  /** Memory for a block of {@link gramBlock} rows and columns, in which each block is computed. */
  readonly block: Float32Array;
  /**
   * Copies the block, `height` rows of `width` numbers, to (top, left) of the matrix, and its mirror image to (left, top).
   * Of a block on the diagonal, which is symmetric up to rounding, the upper half is copied.
   */
  readonly write: (top: number, left: number, height: number, width: number) => void;
}

/** Rows and columns of a block, at most. */
export const gramBlock = (rows: number, threads: number): number =>
  Math.min(rows, threads > 1 ? SHARED_BLOCK : BLOCK);

/** A block on the diagonal is computed as this many products, each of some rows from the diagonal on: little of its lower half is computed. */
const DIAGONAL_PRODUCTS = 4;

/** A product: rows from `top` on times rows from `left` on. */
interface BlockProduct {
  readonly top: number;
  readonly height: number;
  readonly left: number;
  readonly width: number;
}

/** The products that fill the upper half of the matrix. */
const productsOf = (rows: number, size: number): BlockProduct[] => {
  const starts = Array.from({ length: Math.ceil(rows / size) }, (_, i) => i * size);
  return starts.flatMap((start, i) => {
    const end = Math.min(rows, start + size);
    const step = Math.ceil(size / DIAGONAL_PRODUCTS);
    const tops = Array.from({ length: Math.ceil((end - start) / step) }, (_, j) => start + j * step);
    return [
      ...tops.map((top) => ({ top, height: Math.min(step, end - top), left: top, width: end - top })),
      ...starts.slice(i + 1).map((left) => {
        const width = Math.min(size, rows - left);
        return { top: start, height: end - start, left, width };
      }),
    ];
  });
};

/**
 * The Gram matrix X·Xᵀ in float32. Blocks above the diagonal are computed, those below are their mirror images: the result
 * is exactly symmetric.
 *
 * @param x the rows whose inner products are taken, row-major, `rows` x `columns`
 * @param options.into where to write the result, such as memory that threads share; default new memory
 * @param options.writer writes to `into`; default plain loops
 * @returns `rows` x `rows`, row-major
 * @throws UsageError when the length of `x` does not fit
 */
export const gram = (
  x: Float32Array,
  rows: number,
  columns: number,
  options: GemmOptions & { readonly into?: Float32Array; readonly writer?: BlockWriter | undefined } = {},
): Float32Array => {
  checkMatrix('X', x, rows, columns);
  if (options.into) checkMatrix('into', options.into, rows, rows);
  const result = options.into ?? allocate('float32', rows * rows);
  const threads = options.threads ?? usableCores();
  const size = gramBlock(rows, threads);
  const { block, write } = options.writer ?? plainWriter(result, rows, size);
  const session = new NativeSession(productModel(false, true), { threads });
  const strips = new Map<string, Value>();
  const strip = (start: number, count: number): Value => {
    const key = `${start}:${count}`;
    let value = strips.get(key);
    if (!value) {
      value = new Value(x.subarray(start * columns, (start + count) * columns), 'float32', [count, columns]);
      strips.set(key, value);
    }
    return value;
  };
  try {
    for (const { top, height, left, width } of productsOf(rows, size)) {
      const product = new Value(block.subarray(0, height * width), 'float32', [height, width]);
      run(session, [strip(top, height), strip(left, width)], product);
      write(top, left, height, width);
    }
  } finally {
    for (const value of strips.values()) value.release();
    session.close();
  }
  return result;
};

/** Numbers that are written together to a mirrored row: a line of the processor's cache. */
const TILE = 16;

/** Writes blocks by plain loops. */
const plainWriter = (matrix: Float32Array, rows: number, size: number): BlockWriter => {
  const block = allocate('float32', size ** 2);
  return {
    block,
    write: (top, left, height, width) => {
      for (let r = 0; r < height; r++) {
        const from = top === left ? r : 0;
        matrix.set(block.subarray(r * width + from, (r + 1) * width), (top + r) * rows + left + from);
      }
      for (let first = 0; first < height; first += TILE) {
        for (let c = 0; c < width; c++) {
          const last = Math.min(first + TILE, top === left ? Math.min(c, height) : height);
          const to = (left + c) * rows + top;
          for (let r = first; r < last; r++) matrix[to + r] = block[r * width + c]!;
        }
      }
    },
  };
};
