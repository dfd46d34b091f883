// Max and average pooling and their gradients.
import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../../shape.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { type Attributes, type NativeKernel, areFloat, free, limits } from './kernel.js';
import { blockedValue } from '../../nchwc.js';
import { canLoop } from '../../loops/module.js';
import { deferPoolGradient } from './deferred-gradients.js';
import { DOMAIN } from '../../convolution/nchwc.js';
import { endPads } from '../../convolution/geometry.js';
import { averagePoolGradient, maxPoolGradient } from './pool-gradients.js';

type Shape4D = [number, number, number, number];
type Pool2DInfo = backend_util.Conv2DInfo;

const geometry = (shape: number[], attrs: Attributes): Pool2DInfo | undefined => {
  const info = backend_util.computePool2DInfo(
    shape as Shape4D,
    attrs['filterSize'] as number | [number, number],
    attrs['strides'] as number | [number, number],
    1,
    attrs['pad'] as 'same' | 'valid' | number,
    attrs['dimRoundingMode'] as 'floor' | 'round' | 'ceil' | undefined,
  );
  return [info.batchSize, info.outHeight, info.outWidth].some((n) => n < 1) ? undefined : info;
};

/** Whether the windows tile the input exactly, as VGG's do. */
const isTiling = (info: Pool2DInfo): boolean =>
  info.strideHeight === info.filterHeight &&
  info.strideWidth === info.filterWidth &&
  info.outHeight * info.strideHeight === info.inHeight &&
  info.outWidth * info.strideWidth === info.inWidth;

/** Windows that tile: first the rows of each window are reduced, then its columns, both where they lie. */
const poolTiles = (
  backend: OnnxRuntimeBackend,
  opType: 'ReduceMax' | 'ReduceMean',
  x: TensorInfo,
  info: Pool2DInfo,
): TensorInfo => {
  const y = backend.output(info.outShape);
  const { batchSize, inChannels, outHeight, outWidth, inWidth, filterHeight, filterWidth } = info;
  const rowLength = inWidth * inChannels;
  const key = `Pool:${opType}`;
  const build = (g: Parameters<Parameters<typeof backend.run>[1]>[0]): void => {
    const input = g.input('x', 'float32', free('x', 3));
    g.output(g.node(opType, [input, g.ints(1)], { keepdims: 0 }), 'float32', free('y', 2));
  };
  backend.withScratch(batchSize * outHeight * rowLength, (rows) => {
    backend.run(
      key,
      build,
      [backend.native(x, [batchSize * outHeight, filterHeight, rowLength])],
      [rows.value([batchSize * outHeight, rowLength])],
    );
    const windows = batchSize * outHeight * outWidth;
    backend.run(
      key,
      build,
      [rows.value([windows, filterWidth, inChannels])],
      [backend.native(y, [windows, inChannels])],
    );
  });
  return y;
};

/** Windows of any kind, through NCHW, or in the blocked layout where x lies in it. */
const poolWindows = (
  backend: OnnxRuntimeBackend,
  opType: 'MaxPool' | 'AveragePool',
  x: TensorInfo,
  info: Pool2DInfo,
): TensorInfo | undefined => {
  const { top, left } = info.padInfo;
  const [bottom, right] = endPads(info);
  const kernel = [info.filterHeight, info.filterWidth];
  const strides = [info.strideHeight, info.strideWidth];
  const pads = [top, left, Math.max(0, bottom), Math.max(0, right)];
  // ONNX Runtime refuses padding as wide as the window, and counts its outputs itself.
  if (pads.some((n, i) => n < 0 || n >= kernel[i % 2]!)) return undefined;
  if (bottom <= -info.strideHeight || right <= -info.strideWidth) return undefined;
  const attributes = { kernel_shape: kernel, strides, pads };
  const source = backend.blocksOf(x);
  if (source) {
    const y = backend.outputInBlocks(info.outShape);
    backend.run(
      `Pool:blocks:${opType}:${[kernel, strides, pads].join(':')}`,
      (g) => {
        const input = g.input('x', 'float32', free('x', 4));
        const result = g.node(opType, [input], { ...attributes, dilations: [1, 1] }, { domain: DOMAIN });
        g.output(result, 'float32', free('y', 4));
      },
      [blockedValue(source, x.shape)],
      [blockedValue(backend.blocksOf(y)!, y.shape)],
    );
    return y;
  }
  const y = backend.output(info.outShape);
  backend.compute(
    `${opType}:${[kernel, strides, pads].join(':')}`,
    (g) => {
      const input = g.node('Transpose', [g.input('x', 'float32', free('x', 4))], { perm: [0, 3, 1, 2] });
      const result = g.node(opType, [input], attributes);
      g.output(g.node('Transpose', [result], { perm: [0, 2, 3, 1] }), 'float32', free('y', 4));
    },
    [[x]],
    [[y]],
  );
  return y;
};

const pool =
  (tiles: 'ReduceMax' | 'ReduceMean', windows: 'MaxPool' | 'AveragePool'): NativeKernel =>
  ({ backend, inputs, attrs }) => {
    const x = inputs['x']!;
    if (!areFloat([x], limits.small)) return undefined;
    const info = geometry(x.shape, attrs);
    if (!info || (info.filterHeight === 1 && info.filterWidth === 1)) return undefined;
    const isInRows = !backend.blocksOf(x);
    return isInRows && isTiling(info)
      ? poolTiles(backend, tiles, x, info)
      : poolWindows(backend, windows, x, info);
  };

const maxPoolGrad: NativeKernel = ({ backend, inputs, attrs }) => {
  const [dy, x] = [inputs['dy']!, inputs['input']!];
  if (!areFloat([dy, x])) return undefined;
  const info = geometry(x.shape, attrs);
  if (!info) return undefined;
  const isTwo = info.filterHeight === 2 && info.filterWidth === 2 && isTiling(info);
  if (isTwo && isSameShape(info.outShape, dy.shape) && canLoop(info.inChannels))
    return deferPoolGradient(backend, x, dy);
  const dx = backend.output(x.shape);
  maxPoolGradient(backend.values(x), backend.values(dy), backend.values(dx), info);
  return dx;
};

const avgPoolGrad: NativeKernel = ({ backend, inputs, attrs }) => {
  const [dy, x] = [inputs['dy']!, inputs['input']!];
  if (!areFloat([dy]) || x.shape.length !== 4) return undefined;
  const info = geometry(x.shape, attrs);
  if (!info) return undefined;
  const dx = backend.output(x.shape);
  averagePoolGradient(backend.values(dy), backend.values(dx), info);
  return dx;
};

export const poolingKernels: Readonly<Record<string, NativeKernel>> = {
  MaxPool: pool('ReduceMax', 'MaxPool'),
  AvgPool: pool('ReduceMean', 'AveragePool'),
  MaxPoolGrad: maxPoolGrad,
  AvgPoolGrad: avgPoolGrad,
};
