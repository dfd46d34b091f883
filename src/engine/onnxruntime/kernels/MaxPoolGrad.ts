// The gradient of max pooling: each window's dy goes to its first maximum in reading order.
import { type KernelConfig, MaxPoolGrad } from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../shape.js';
import { BACKEND_NAME } from '../backend.js';
import { canLoop } from '../loops/module.js';
import { deferPoolGradient } from './shared/deferred-gradients.js';
import { type NativeKernel, areFloat, withCpuFallback } from './shared/kernel.js';
import { type Pool2DInfo, forEachWindow, isTiling, poolGeometry } from './shared/pooling.js';

/** The bits of a float as an integer that orders as the float does; both zeros are 0. */
const ordered = (bits: number): number => {
  const signed = bits ^ ((bits >> 31) >>> 1);
  return signed + (signed >>> 31);
};

/**
 * dx for windows of 2 x 2 that tile the input: every element is written once. Branches would be mispredicted, so there
 * are none: the order of integers decides, as a mask over the bits of dy.
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
 * The gradient of max pooling in JavaScript.
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
  const { inHeight, inWidth, inChannels } = info;
  if (isTwoByTwo(info)) {
    tiledMaxPoolGradient(x, dy, dx, info);
    return;
  }
  dx.fill(0);
  const best = new Float32Array(inChannels);
  const index = new Int32Array(inChannels);
  forEachWindow(info, (window, batch, top, bottom, left, right) => {
    best.fill(-Infinity);
    index.fill(-1);
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const p = ((batch * inHeight + i) * inWidth + j) * inChannels;
        for (let c = 0; c < inChannels; c++) {
          if (x[p + c]! > best[c]!) {
            best[c] = x[p + c]!;
            index[c] = p + c;
          }
        }
      }
    }
    for (let c = 0; c < inChannels; c++) if (index[c]! >= 0) dx[index[c]!]! += dy[window * inChannels + c]!;
  });
};

/** Whether the windows are 2 x 2 and tile the input. */
const isTwoByTwo = (info: Pool2DInfo): boolean =>
  info.filterHeight === 2 && info.filterWidth === 2 && isTiling(info);

const maxPoolGrad: NativeKernel = ({ backend, inputs, attrs }) => {
  const [dy, x] = [inputs['dy']!, inputs['input']!];
  if (!areFloat([dy, x])) return undefined;
  const info = poolGeometry(x.shape, attrs);
  if (!info) return undefined;
  if (isTwoByTwo(info) && isSameShape(info.outShape, dy.shape) && canLoop(info.inChannels))
    return deferPoolGradient(backend, x, dy);
  const dx = backend.output(x.shape);
  maxPoolGradient(backend.values(x), backend.values(dy), backend.values(dx), info);
  return dx;
};

export const maxPoolGradConfig: KernelConfig = {
  kernelName: MaxPoolGrad,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(MaxPoolGrad, maxPoolGrad),
};
