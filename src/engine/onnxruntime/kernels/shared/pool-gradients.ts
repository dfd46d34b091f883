// Gradients of pooling, in JavaScript: ONNX Runtime has no such operator, and a pass over memory needs none.
import type { backend_util } from '@tensorflow/tfjs-core';

type Pool2DInfo = backend_util.Conv2DInfo;

/**
 * Calls `visit` for each window with the ranges of rows and columns that lie inside the input.
 */
const forEachWindow = (
  info: Pool2DInfo,
  visit: (window: number, batch: number, top: number, bottom: number, left: number, right: number) => void,
): void => {
  const { batchSize, outHeight, outWidth, inHeight, inWidth, filterHeight, filterWidth, padInfo } = info;
  let window = 0;
  for (let batch = 0; batch < batchSize; batch++) {
    for (let i = 0; i < outHeight; i++) {
      const start = i * info.strideHeight - padInfo.top;
      const [top, bottom] = [Math.max(0, start), Math.min(inHeight, start + filterHeight)];
      for (let j = 0; j < outWidth; j++) {
        const begin = j * info.strideWidth - padInfo.left;
        visit(window++, batch, top, bottom, Math.max(0, begin), Math.min(inWidth, begin + filterWidth));
      }
    }
  }
};

/** The bits of a float as an integer of the same order; both zeros are 0. */
const ordered = (bits: number): number => {
  const signed = bits ^ ((bits >> 31) >>> 1);
  return signed + (signed >>> 31);
};

/**
 * dx for windows of 2 x 2 that tile the input: every element is written once. The first maximum takes it all. Which one
 * that is is as good as random, so there are no branches: integers are compared, and a comparison becomes a mask over
 * the bits of dy.
 */
const tiledMaxPoolGradient = (
  x: Float32Array,
  dy: Float32Array,
  dx: Float32Array,
  { batchSize, outHeight, outWidth, inWidth, inChannels: channels }: Pool2DInfo,
): void => {
  const input = new Int32Array(x.buffer, x.byteOffset, x.length);
  const gradient = new Int32Array(dy.buffer, dy.byteOffset, dy.length);
  const result = new Int32Array(dx.buffer, dx.byteOffset, dx.length);
  const row = inWidth * channels;
  let o = 0;
  for (let r = 0; r < batchSize * outHeight; r++) {
    for (let j = 0; j < outWidth; j++) {
      const start = 2 * (r * row + j * channels);
      for (let p = start; p < start + channels; p++, o++) {
        const a = ordered(input[p]!);
        const b = ordered(input[p + channels]!);
        const c = ordered(input[p + row]!);
        const d = ordered(input[p + row + channels]!);
        const isLeft = Number(a >= b);
        const isLowerLeft = Number(c >= d);
        const isUpper = Number(Math.max(a, b) >= Math.max(c, d));
        const upper = gradient[o]! & -isUpper;
        const lower = gradient[o]! & (isUpper - 1);
        result[p] = upper & -isLeft;
        result[p + channels] = upper & (isLeft - 1);
        result[p + row] = lower & -isLowerLeft;
        result[p + row + channels] = lower & (isLowerLeft - 1);
      }
    }
  }
};

/**
 * Gradient of max pooling: each window's dy goes to its first maximum in reading order.
 *
 * @param x the input, NHWC
 * @param dy the output's gradient, NHWC
 * @param dx receives the input's gradient; overwritten
 */
export const maxPoolGradient = (
  x: Float32Array,
  dy: Float32Array,
  dx: Float32Array,
  info: Pool2DInfo,
): void => {
  const { inHeight, inWidth, inChannels, filterHeight, filterWidth, strideHeight, strideWidth } = info;
  const isTwo = [filterHeight, filterWidth, strideHeight, strideWidth].every((n) => n === 2);
  if (isTwo && inHeight === 2 * info.outHeight && inWidth === 2 * info.outWidth) {
    tiledMaxPoolGradient(x, dy, dx, info);
    return;
  }
  dx.fill(0);
  const best = new Float32Array(inChannels);
  const where = new Int32Array(inChannels);
  forEachWindow(info, (window, batch, top, bottom, left, right) => {
    best.fill(-Infinity);
    where.fill(-1);
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const p = ((batch * inHeight + i) * inWidth + j) * inChannels;
        for (let c = 0; c < inChannels; c++) {
          if (x[p + c]! > best[c]!) {
            best[c] = x[p + c]!;
            where[c] = p + c;
          }
        }
      }
    }
    for (let c = 0; c < inChannels; c++) if (where[c]! >= 0) dx[where[c]!]! += dy[window * inChannels + c]!;
  });
};

/**
 * Gradient of average pooling: each window's dy is shared among its elements, as tfjs defines it: by the size of the
 * whole window, padding included.
 */
export const averagePoolGradient = (dy: Float32Array, dx: Float32Array, info: Pool2DInfo): void => {
  const { inHeight, inWidth, inChannels } = info;
  const share = 1 / (info.filterHeight * info.filterWidth);
  dx.fill(0);
  forEachWindow(info, (window, batch, top, bottom, left, right) => {
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const p = ((batch * inHeight + i) * inWidth + j) * inChannels;
        for (let c = 0; c < inChannels; c++) dx[p + c]! += dy[window * inChannels + c]! * share;
      }
    }
  });
};
