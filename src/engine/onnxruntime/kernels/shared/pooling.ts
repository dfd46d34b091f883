// Pooling over windows, for the kernels MaxPool and AvgPool, and the windows as their gradients see them.
import { type TensorInfo, backend_util } from '@tensorflow/tfjs-core';
import { type GraphBuilder, symbolicDims } from '../../../onnx.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { endPads } from '../../convolution/geometry.js';
import { NCHWC_DOMAIN, nchwcValue } from '../../nchwc.js';
import { type Attributes, type NativeKernel, areFloat, limits } from './kernel.js';

/** What tfjs computes of the sizes of pooling. */
export type Pool2DInfo = backend_util.Conv2DInfo;

/** The ONNX operators of a kind of pooling: over windows that tile the input exactly, and over any windows. */
interface PoolingOperators {
  readonly tiled: 'ReduceMax' | 'ReduceMean';
  readonly general: 'MaxPool' | 'AveragePool';
}

/** The sizes of pooling on NHWC; undefined where there is no output. */
export const poolGeometry = (shape: number[], attrs: Attributes): Pool2DInfo | undefined => {
  const info = backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    attrs['filterSize'] as number | [number, number],
    attrs['strides'] as number | [number, number],
    1,
    attrs['pad'] as 'same' | 'valid' | number,
    attrs['dimRoundingMode'] as 'floor' | 'round' | 'ceil' | undefined,
  );
  return [info.batchSize, info.outHeight, info.outWidth].some((n) => n < 1) ? undefined : info;
};

/** Whether the windows tile the input exactly, as VGG's do. */
export const isTiling = (info: Pool2DInfo): boolean =>
  info.strideHeight === info.filterHeight &&
  info.strideWidth === info.filterWidth &&
  info.outHeight * info.strideHeight === info.inHeight &&
  info.outWidth * info.strideWidth === info.inWidth;

/** Calls `visit` for each window, with the ranges of rows and columns that lie inside the input. */
export const forEachWindow = (
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

/** Windows that tile an NHWC tensor: the rows of each window are reduced, then its columns, without a transposition. */
const poolTiles = (
  backend: OnnxRuntimeBackend,
  opType: PoolingOperators['tiled'],
  x: TensorInfo,
  info: Pool2DInfo,
): TensorInfo => {
  const y = backend.output(info.outShape);
  const { batchSize, inChannels, outHeight, outWidth, inWidth, filterHeight, filterWidth } = info;
  const rowLength = inWidth * inChannels;
  const key = `Pool:${opType}`;
  const build = (g: GraphBuilder): void => {
    const input = g.input('x', 'float32', symbolicDims('x', 3));
    g.output(g.node(opType, [input, g.ints(1)], { keepdims: 0 }), 'float32', symbolicDims('y', 2));
  };
  backend.withWorkspace(batchSize * outHeight * rowLength, (rows) => {
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

/** Windows of any kind: in NCHWc where x is in that layout, else through NCHW. */
const poolWindows = (
  backend: OnnxRuntimeBackend,
  opType: PoolingOperators['general'],
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
  const key = `${opType}:${[kernel, strides, pads].join(':')}`;
  const source = backend.nchwcOf(x);
  if (source) {
    const y = backend.outputNchwc(info.outShape);
    backend.run(
      `Pool:NCHWc:${key}`,
      (g) => {
        const input = g.input('x', 'float32', symbolicDims('x', 4));
        const options = { domain: NCHWC_DOMAIN };
        const result = g.node(opType, [input], { ...attributes, dilations: [1, 1] }, options);
        g.output(result, 'float32', symbolicDims('y', 4));
      },
      [nchwcValue(source, x.shape)],
      [nchwcValue(backend.nchwcOf(y)!, y.shape)],
    );
    return y;
  }
  const y = backend.output(info.outShape);
  backend.compute(
    `Pool:${key}`,
    (g) => {
      const input = g.input('x', 'float32', symbolicDims('x', 4));
      const result = g.node(opType, [g.node('Transpose', [input], { perm: [0, 3, 1, 2] })], attributes);
      g.output(g.node('Transpose', [result], { perm: [0, 2, 3, 1] }), 'float32', symbolicDims('y', 4));
    },
    [[x]],
    [[y]],
  );
  return y;
};

/** A kernel of pooling. */
export const pooling =
  ({ tiled, general }: PoolingOperators): NativeKernel =>
  ({ backend, inputs, attrs }) => {
    const x = inputs['x']!;
    if (!areFloat([x], limits.small)) return undefined;
    const info = poolGeometry(x.shape, attrs);
    if (!info || (info.filterHeight === 1 && info.filterWidth === 1)) return undefined;
    const isNhwc = !backend.nchwcOf(x);
    return isNhwc && isTiling(info)
      ? poolTiles(backend, tiled, x, info)
      : poolWindows(backend, general, x, info);
  };
