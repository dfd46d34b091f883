// Resizes images by separable resampling with aligned pixel centres, as Pillow and torchvision do. libvips
// (and so sharp) shifts an enlarged image by half a pixel.
import type { Interpolation } from '../interpolation.js';
import { loops } from './enlarge/loops.js';
import type { RgbImage, Room } from './image.js';
import { resamplingKernels } from './interpolation.js';

/** Fixed-point weights with 22 fractional bits, as in Pillow: products with 255 fit 32 bits. */
const BITS = 22;

/** For every output pixel, the first contributing input pixel and `taps` weights. */
interface Taps {
  readonly taps: number;
  readonly first: Int32Array;
  /** [outputs, taps] */
  readonly weights: Int32Array;
}

/** The identity: every pixel unchanged. */
const unchanged = (pixels: number): Taps => ({
  taps: 1,
  first: Int32Array.from({ length: pixels }, (_, i) => i),
  weights: new Int32Array(pixels).fill(2 ** BITS),
});

/** Weights for resizing `inputs` pixels to `outputs`; the kernel is widened where an axis shrinks. */
const tapsOf = (inputs: number, outputs: number, interpolation: Interpolation): Taps => {
  if (inputs === outputs) return unchanged(inputs); // "mitchell" would blur.
  const kernel = resamplingKernels[interpolation];
  const widened = Math.max(1, inputs / outputs);
  const support = kernel.support * widened;
  const inverse = 1 / widened;
  const weight = (x: number): number => kernel.weight(x * inverse);
  const most = 2 * Math.ceil(support) + 1;
  const taps = Math.min(inputs, widened > 1 ? most : 2 * support);
  const first = new Int32Array(outputs);
  const weights = new Int32Array(outputs * taps);
  const values = new Float64Array(most);
  for (let i = 0; i < outputs; i++) {
    const centre = ((i + 0.5) * inputs) / outputs;
    const from = Math.max(0, Math.floor(centre - support + 0.5));
    const to = Math.min(inputs, Math.floor(centre + support + 0.5));
    let sum = 0;
    for (let j = from; j < to; j++) sum += values[j - from] = weight(j - centre + 0.5);
    // Near the right border the window moves left, so that all `taps` are inside the image.
    const start = Math.min(from, inputs - taps);
    first[i] = start;
    for (let j = from; j < to; j++) {
      const scaled = (values[j - from]! / sum) * 2 ** BITS;
      weights[i * taps + j - start] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
  }
  return { taps, first, weights };
};

/** Bytes of a strip of the result; its data fits the level-2 cache. */
const STRIP = 1 << 17;
/** Bytes of the input of a strip, where an image shrinks. */
const INPUT_STRIP = 1 << 22;

/** The bytes of an array of integers. */
const bytesOf = (numbers: Int32Array): Uint8Array => new Uint8Array(numbers.buffer);

/** The nearest pixel to each, as Pillow's NEAREST. */
const nearest = (image: RgbImage, width: number, height: number, room: Room): RgbImage => {
  const data = room(3 * width * height);
  const columns = Int32Array.from(
    { length: width },
    (_, x) => 3 * Math.floor(((x + 0.5) * image.width) / width),
  );
  for (let y = 0; y < height; y++) {
    const row = 3 * image.width * Math.floor(((y + 0.5) * image.height) / height);
    columns.forEach((column, x) => {
      for (let c = 0; c < 3; c++) data[3 * (y * width + x) + c] = image.data[row + column + c]!;
    });
  }
  return { width, height, data };
};

/**
 * Resizes to `width` × `height` pixels as Pillow does, to the bit: larger or smaller.
 *
 * @param room memory for the result; all of it is overwritten
 */
export const resample = (
  image: RgbImage,
  width: number,
  height: number,
  interpolation: Interpolation,
  room: Room = (bytes) => new Uint8Array(bytes),
): RgbImage => (interpolation === 'nearest' ? nearest : separable)(image, width, height, room, interpolation);

/**
 * Enlarges to `width` × `height` pixels, each at least that of the image: columns first, then rows, each
 * rounded to 8 bits, bit for bit as Pillow's `resize` with BILINEAR ("linear"), BICUBIC ("cubic") or LANCZOS
 * ("lanczos3").
 *
 * @param room memory for the result; all of it is overwritten
 */
export const enlarge = (
  image: RgbImage,
  width: number,
  height: number,
  interpolation: Interpolation,
  room: Room = (bytes) => new Uint8Array(bytes),
): RgbImage => separable(image, width, height, room, interpolation);

const separable = (
  image: RgbImage,
  width: number,
  height: number,
  room: Room,
  interpolation: Interpolation,
): RgbImage => {
  const columns = tapsOf(image.width, width, interpolation);
  const rows = tapsOf(image.height, height, interpolation);
  const [narrow, wide] = [3 * image.width, 3 * width];
  const shrinks = Math.max(1, image.height / height);
  const fitting = Math.floor((INPUT_STRIP / Math.max(narrow, wide) - rows.taps) / shrinks);
  const strip = Math.min(height, Math.max(1, Math.min(Math.floor(STRIP / wide), fitting)));
  /** Input rows of a strip. */
  const most = Math.min(image.height, Math.ceil(strip * shrinks) + rows.taps + 1);
  const { place, bytes, widen, heighten } = loops();
  const firstColumns = columns.first.map((column) => 3 * column);
  const [first, weights, firstRows, rowWeights, source, between, target] = place([
    ...[firstColumns, columns.weights, rows.first, rows.weights].map(({ byteLength }) => byteLength),
    most * narrow,
    most * wide,
    strip * wide,
  ]) as [number, number, number, number, number, number, number];
  const memory = bytes();
  memory.set(bytesOf(firstColumns), first);
  memory.set(bytesOf(columns.weights), weights);
  memory.set(bytesOf(rows.weights), rowWeights);
  const data = room(wide * height);
  for (let row = 0; row < height; row += strip) {
    const count = Math.min(strip, height - row);
    const from = rows.first[row]!;
    const taken = rows.first[row + count - 1]! + rows.taps - from;
    memory.set(image.data.subarray(from * narrow, (from + taken) * narrow), source);
    memory.set(bytesOf(rows.first.slice(row, row + count).map((each) => each - from)), firstRows);
    widen(source, between, taken, narrow, width, columns.taps, first, weights);
    heighten(between, target, wide, count, rows.taps, firstRows, rowWeights + 4 * row * rows.taps);
    data.set(memory.subarray(target, target + count * wide), row * wide);
  }
  return { width, height, data };
};
