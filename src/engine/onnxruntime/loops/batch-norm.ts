// Loops of batch normalisation in training: one pass over x for the moments, one for the output with ReLU and max pooling, two for the
// gradient. Chunks are as in loops.ts.
import { type Extent, CHUNK } from './loops.js';
import { arrays, loops } from './module.js';

/** What follows the normalisation in the same pass: nothing, ReLU, or ReLU and max pooling by windows of 2 x 2 that tile the map. */
export const FORM = { linear: 0, relu: 1, pooled: 2 } as const;
export type Form = (typeof FORM)[keyof typeof FORM];

/** Rows of the factors: of z = a x + b, the mean, and what the gradient subtracts, k + (x - mean) l. */
export const FACTOR_ROWS = { a: 0, b: 1, mean: 2, k: 3, l: 4 } as const;
const ROWS = Object.keys(FACTOR_ROWS).length;

/**
 * A loop over images.
 *
 * @param tensors x and others, cut into images; each image of a pooled one has a quarter of the numbers
 * @param perChannel numbers for each channel, the same for all images
 * @param extent of x; with {@link FORM.pooled} rows and columns are those of windows
 * @returns sums for each channel, if the loop has any
 */
export type Loop = (
  tensors: readonly Float32Array[],
  perChannel: Float32Array,
  extent: Extent,
  form: Form,
) => Float64Array;

type Triple = [Float32Array, Float32Array, Float32Array];

const none = new Float64Array(0);

/** Sums in float64 that begin at the byte of an array, which has twice as many numbers. */
const inDouble = ({ buffer, byteOffset, length }: Float32Array): Float64Array =>
  new Float64Array(buffer, byteOffset, length / 2);

/** How an extent is cut: positions of x in a row, rows in a plane and in all, rows of a chunk. */
const cut = ({ images, planes, rows, columns, channels }: Extent, form: Form) => {
  const isPooled = form === FORM.pooled;
  // A row of the loops is a position, or a pair of rows of windows.
  const width = isPooled ? 4 * columns * channels : channels;
  const period = isPooled ? rows : rows * columns;
  const total = images * planes * period;
  return { width, period, total, most: Math.max(1, Math.min(total, Math.floor(CHUNK / width))) };
};

/** Calls `visit` for each chunk: its first row and how many it has. */
const forChunks = (total: number, most: number, visit: (row: number, count: number) => void): void => {
  for (let row = 0; row < total; row += most) visit(row, Math.min(most, total - row));
};

/** The sums of x - pivot, then of its square. */
const moments: Loop = ([x], pivots, extent, form) => {
  const { exports } = loops()!;
  const { planes, channels } = extent;
  const { width, period, total, most } = cut(extent, form);
  const count = planes * channels;
  const [chunk, pivot, totals] = arrays([most * width, count, 4 * count]) as Triple;
  pivot.set(pivots);
  const sums = inDouble(totals).fill(0);
  const [p, q, s] = [chunk.byteOffset, pivot.byteOffset, totals.byteOffset];
  forChunks(total, most, (row, rows) => {
    chunk.set(x!.subarray(row * width, (row + rows) * width));
    exports.moments(p, q, s, s + 8 * count, rows, channels, period, planes, row);
  });
  return sums.slice();
};

/** y = a x + b, in the form that follows. */
const normalise: Loop = ([x, y], factors, extent, form) => {
  const { exports } = loops()!;
  const { planes, columns, channels } = extent;
  const { width, period, total, most } = cut(extent, form);
  const isPooled = form === FORM.pooled;
  const outWidth = isPooled ? width / 4 : width;
  const [chunk, maxima, f] = arrays([most * width, isPooled ? most * outWidth : 0, factors.length]) as Triple;
  f.set(factors);
  const out = isPooled ? maxima : chunk;
  const [p, q, r] = [chunk.byteOffset, maxima.byteOffset, f.byteOffset];
  forChunks(total, most, (row, rows) => {
    chunk.set(x!.subarray(row * width, (row + rows) * width));
    if (isPooled) exports.normalisePool(p, q, r, rows, columns, channels, period, planes, row);
    else exports.normalise(p, r, rows, channels, period, planes, row, form);
    y!.set(rows === most ? out : out.subarray(0, rows * outWidth), row * outWidth);
  });
  return none;
};

/** The sums of g, then of g (x - mean): g is the gradient of z. */
const gradientSums: Loop = ([x, dy], factors, extent, form) => {
  const { exports } = loops()!;
  const { planes, columns, channels } = extent;
  const { width, period, total, most } = cut(extent, form);
  const isPooled = form === FORM.pooled;
  const dyWidth = isPooled ? width / 4 : width;
  const count = planes * channels;
  const [chunk, slope, f, totals] = arrays([most * width, most * dyWidth, factors.length, 4 * count]) as [
    ...Triple,
    Float32Array,
  ];
  f.set(factors);
  const sums = inDouble(totals).fill(0);
  const [p, q, r, s] = [chunk.byteOffset, slope.byteOffset, f.byteOffset, totals.byteOffset];
  const t = s + 8 * count;
  forChunks(total, most, (row, rows) => {
    chunk.set(x!.subarray(row * width, (row + rows) * width));
    slope.set(dy!.subarray(row * dyWidth, (row + rows) * dyWidth));
    if (isPooled) exports.normPoolGradientSums(p, q, r, s, t, rows, columns, channels, period, planes, row);
    else exports.normGradientSums(p, q, r, s, t, rows, channels, period, planes, row, form);
  });
  return sums.slice();
};

/** dx = a g - k - (x - mean) l. */
const gradient: Loop = ([x, dy, dx], factors, extent, form) => {
  const { exports } = loops()!;
  const { planes, columns, channels } = extent;
  const { width, period, total, most } = cut(extent, form);
  const isPooled = form === FORM.pooled;
  const dyWidth = isPooled ? width / 4 : width;
  const [chunk, slope, f] = arrays([most * width, most * dyWidth, factors.length]) as Triple;
  f.set(factors);
  const [p, q, r] = [chunk.byteOffset, slope.byteOffset, f.byteOffset];
  forChunks(total, most, (row, rows) => {
    chunk.set(x!.subarray(row * width, (row + rows) * width));
    slope.set(dy!.subarray(row * dyWidth, (row + rows) * dyWidth));
    if (isPooled) exports.normPoolGradient(p, q, r, rows, columns, channels, period, planes, row);
    else exports.normGradient(p, q, r, rows, channels, period, planes, row, form);
    dx!.set(rows === most ? chunk : chunk.subarray(0, rows * width), row * width);
  });
  return none;
};

/** Factors for this many channels, zero as yet. */
export const emptyFactors = (channels: number): Float32Array => new Float32Array(ROWS * channels);

/** The loops, each in the calling thread. */
export const serialBatchNorm = { moments, normalise, gradientSums, gradient };
