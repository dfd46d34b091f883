// Enlarging by separable resampling with the centres of pixels in their places. libvips, and so sharp, moves an image
// that it enlarges by half a pixel; Pillow and torchvision do not, and this gives their numbers.
import type { RgbImage } from './image.js';
import { type Kernel, kernelFunctions } from './kernels.js';

/** Weights are whole numbers of 1 / 2^22, as in Pillow: products with 255 fit 32 bits. */
const BITS = 22;
const HALF = 1 << (BITS - 1);

/** For every output pixel the first input pixel that takes part, and `taps` weights. */
interface Taps {
  readonly taps: number;
  readonly first: Int32Array;
  /** [outputs, taps] */
  readonly weights: Int32Array;
}

const tapsOf = (inputs: number, outputs: number, kernel: Kernel): Taps => {
  const { support, weight } = kernelFunctions[kernel];
  const taps = Math.min(inputs, 2 * support);
  const first = new Int32Array(outputs);
  const weights = new Int32Array(outputs * taps);
  for (let i = 0; i < outputs; i++) {
    const centre = ((i + 0.5) * inputs) / outputs;
    const from = Math.max(0, Math.floor(centre - support + 0.5));
    const to = Math.min(inputs, Math.floor(centre + support + 0.5));
    const values = Array.from({ length: to - from }, (_, j) => weight(from + j - centre + 0.5));
    const sum = values.reduce((a, b) => a + b, 0);
    // Near the right border the window is moved left, so that all `taps` lie in the image.
    first[i] = Math.min(from, inputs - taps);
    values.forEach((value, j) => {
      const scaled = (value / sum) * 2 ** BITS;
      weights[i * taps + from - first[i]! + j] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    });
  }
  return { taps, first, weights };
};

/** Every row of `pixels` [rows, columns, 3] to `outputs` columns. */
const widen = (pixels: Uint8Array, columns: number, outputs: number, kernel: Kernel): Uint8Array => {
  const { taps, first, weights } = tapsOf(columns, outputs, kernel);
  const rows = pixels.length / (3 * columns);
  const result = new Uint8ClampedArray(rows * outputs * 3);
  for (let row = 0, to = 0; row < rows; row++) {
    for (let i = 0, w = 0; i < outputs; i++, to += 3) {
      let from = 3 * (row * columns + first[i]!);
      let [red, green, blue] = [HALF, HALF, HALF];
      for (const end = w + taps; w < end; w++, from += 3) {
        const weight = weights[w]!;
        red += Math.imul(weight, pixels[from]!);
        green += Math.imul(weight, pixels[from + 1]!);
        blue += Math.imul(weight, pixels[from + 2]!);
      }
      result[to] = red >> BITS;
      result[to + 1] = green >> BITS;
      result[to + 2] = blue >> BITS;
    }
  }
  return new Uint8Array(result.buffer);
};

/** `pixels` [rows, width] to `outputs` rows. */
const heighten = (pixels: Uint8Array, rows: number, outputs: number, kernel: Kernel): Uint8Array => {
  const { taps, first, weights } = tapsOf(rows, outputs, kernel);
  const width = pixels.length / rows;
  const result = new Uint8ClampedArray(outputs * width);
  const sums = new Int32Array(width);
  for (let i = 0; i < outputs; i++) {
    sums.fill(HALF);
    for (let tap = 0; tap < taps; tap++) {
      const weight = weights[i * taps + tap]!;
      if (weight === 0) continue;
      const from = (first[i]! + tap) * width;
      for (let x = 0; x < width; x++) sums[x]! += Math.imul(weight, pixels[from + x]!);
    }
    const to = i * width;
    for (let x = 0; x < width; x++) result[to + x] = sums[x]! >> BITS;
  }
  return new Uint8Array(result.buffer);
};

/**
 * Enlarges to `width` × `height` pixels, each at least that of the image: columns first, then rows, each rounded to
 * 8 bits, bit for bit as Pillow's `resize` with BILINEAR ("linear"), BICUBIC ("cubic") or LANCZOS ("lanczos3").
 */
export const enlarge = (image: RgbImage, width: number, height: number, kernel: Kernel): RgbImage => {
  const wide = width === image.width ? image.data : widen(image.data, image.width, width, kernel);
  const data = height === image.height ? wide : heighten(wide, image.height, height, kernel);
  return { width, height, data };
};
