// Loops over whole tensors that ONNX Runtime has no operator for, in WebAssembly with SIMD. They work on chunks that stay in the
// second-level cache: a chunk is copied into WebAssembly's memory, changed there and copied out.
import { arrays, loops } from './module.js';

/** Elements of a chunk; a pair of rows that is longer is a chunk of its own. */
export const CHUNK = 2 ** 15;

/** Adds the sums of a chunk to those of the whole, which are in float64, and clears them. */
const collect = (sums: Float32Array, totals: Float64Array): void => {
  for (let c = 0; c < sums.length; c++) totals[c]! += sums[c]!;
  sums.fill(0);
};

/**
 * A tensor as the loops go over it: `images` images of `planes` planes each, of `rows` by `columns` positions of
 * `channels` elements. In NHWC an image is one plane; in NCHWc it is a plane for each block of channels.
 */
export interface Extent {
  readonly images: number;
  readonly planes: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
}

/**
 * The gradient of max pooling by windows of 2 x 2 that tile the input: dy goes to the first maximum in reading order.
 *
 * @param x the input, of twice as many rows and columns as dy
 * @param dy the output's gradient
 * @param dx receives the input's gradient
 * @param positive whether dy goes to maxima above zero only: the gradient of ReLU is applied as well
 * @returns the sums of dx over all positions, one for each channel
 */
const poolGradient = (
  x: Float32Array,
  dy: Float32Array,
  dx: Float32Array,
  { images, planes, rows: period, columns, channels }: Extent,
  positive: boolean,
): Float64Array => {
  const { exports } = loops()!;
  const rows = images * planes * period;
  const pair = 4 * columns * channels;
  const pairs = Math.max(1, Math.min(rows, Math.floor(CHUNK / pair)));
  const [chunk, gradient, sums] = arrays([pairs * pair, (pairs * pair) / 4, planes * channels]) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  sums.fill(0);
  const totals = new Float64Array(sums.length);
  for (let row = 0; row < rows; row += pairs) {
    const count = Math.min(pairs, rows - row);
    const [start, end] = [row * pair, (row + count) * pair];
    chunk.set(x.subarray(start, end));
    gradient.set(dy.subarray(start / 4, end / 4));
    exports.poolGradient(
      chunk.byteOffset,
      gradient.byteOffset,
      sums.byteOffset,
      count,
      columns,
      channels,
      Number(positive),
      period,
      planes,
      row,
    );
    dx.set(count === pairs ? chunk : chunk.subarray(0, end - start), start);
    collect(sums, totals);
  }
  return totals;
};

/**
 * The gradient of ReLU: dy where z is above zero.
 *
 * @param dx receives the result
 * @param extent of all three
 * @returns its sums over all positions, one for each channel
 */
const reluGradient = (
  dy: Float32Array,
  z: Float32Array,
  dx: Float32Array,
  { images, planes, rows: height, columns, channels }: Extent,
): Float64Array => {
  const { exports } = loops()!;
  const period = height * columns;
  const rows = images * planes * period;
  const rowsOfChunk = Math.max(1, Math.min(rows, Math.floor(CHUNK / channels)));
  const length = rowsOfChunk * channels;
  const [gradient, input, sums] = arrays([length, length, planes * channels]) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  sums.fill(0);
  const totals = new Float64Array(sums.length);
  for (let row = 0; row < rows; row += rowsOfChunk) {
    const count = Math.min(rowsOfChunk, rows - row);
    const [start, end] = [row * channels, (row + count) * channels];
    gradient.set(dy.subarray(start, end));
    input.set(z.subarray(start, end));
    exports.reluGradient(
      gradient.byteOffset,
      input.byteOffset,
      sums.byteOffset,
      count,
      channels,
      period,
      planes,
      row,
    );
    dx.set(count === rowsOfChunk ? gradient : gradient.subarray(0, end - start), start);
    collect(sums, totals);
  }
  return totals;
};

/** Learning rate, momentum and weight decay of one step. */
export interface MomentumStep {
  readonly learningRate: number;
  readonly momentum: number;
  readonly decay: number;
}

/**
 * velocity = momentum * velocity - learningRate * (gradient + decay * weight); weight = weight + velocity. Both are
 * overwritten.
 */
const momentum = (
  weight: Float32Array,
  velocity: Float32Array,
  gradient: Float32Array,
  step: MomentumStep,
): void => {
  const { exports } = loops()!;
  const length = Math.min(CHUNK, Math.ceil(weight.length / 4) * 4);
  const chunks = arrays([length, length, length]);
  const [w, v] = chunks as [Float32Array, Float32Array];
  const [p, q, r] = chunks.map(({ byteOffset }) => byteOffset) as [number, number, number];
  for (let start = 0; start < weight.length; start += length) {
    const end = Math.min(weight.length, start + length);
    [weight, velocity, gradient].forEach((array, i) => chunks[i]!.set(array.subarray(start, end)));
    exports.momentum(p, q, r, length, step.momentum, -step.learningRate, -step.learningRate * step.decay);
    const isWhole = end - start === length;
    weight.set(isWhole ? w : w.subarray(0, end - start), start);
    velocity.set(isWhole ? v : v.subarray(0, end - start), start);
  }
};

/** The loops, each in the calling thread. */
export const serialLoops = { poolGradient, reluGradient, momentum };
