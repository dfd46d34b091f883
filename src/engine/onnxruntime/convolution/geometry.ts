// The sizes, strides and padding of a convolution: tfjs's words for them, and ours.
import { backend_util } from '@tensorflow/tfjs-core';
import type { Attributes } from '../kernels/shared/kernel.js';
import type { ConvolutionShape } from './nchwc.js';

type Shape4D = [number, number, number, number];
/** What tfjs computes of a convolution's sizes. */
export type Conv2DInfo = backend_util.Conv2DInfo;

/** The geometry of a convolution on NHWC, or nothing for NCHW, which the CPU kernels do. */
export const geometry = (
  xShape: number[],
  filterShape: number[],
  attrs: Attributes,
): Conv2DInfo | undefined => {
  if (attrs['dataFormat'] !== 'NHWC') return undefined;
  const info = backend_util.computeConv2DInfo(
    xShape as Shape4D,
    filterShape as Shape4D,
    attrs['strides'] as number | [number, number],
    (attrs['dilations'] ?? 1) as number | [number, number],
    attrs['pad'] as 'same' | 'valid' | number,
    attrs['dimRoundingMode'] as 'floor' | 'round' | 'ceil' | undefined,
  );
  const empty = [info.batchSize, info.outHeight, info.outWidth].some((n) => n < 1);
  if (empty || filterShape[2] !== info.inChannels) return undefined;
  const [bottom, right] = endPads(info);
  return bottom > -info.strideHeight && right > -info.strideWidth ? info : undefined;
};

/**
 * Padding at the lower or right end so that exactly `out` outputs fit: tfjs counts the outputs of an explicit padding by
 * the height's filter and stride alone. Negative: that many inputs at the end are seen by no output.
 */
const endPad = (out: number, stride: number, filter: number, size: number, start: number): number =>
  (out - 1) * stride + filter - size - start;

/** See {@link endPad}; of rows and of columns. */
export const endPads = (info: Conv2DInfo): [bottom: number, right: number] => [
  endPad(info.outHeight, info.strideHeight, info.effectiveFilterHeight, info.inHeight, info.padInfo.top),
  endPad(info.outWidth, info.strideWidth, info.effectiveFilterWidth, info.inWidth, info.padInfo.left),
];

/** What the graphs of a convolution depend on. */
export const shapeOf = (info: Conv2DInfo): ConvolutionShape => {
  const { top, left } = info.padInfo;
  const [bottom, right] = endPads(info).map((n) => Math.max(0, n)) as [number, number];
  return {
    kernel: [info.filterHeight, info.filterWidth],
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    pads: [top, left, bottom, right],
  };
};

/** A key for the graph of a kernel on a convolution; written out, since joining arrays takes ten times as long. */
export const keyOf = (
  name: string,
  { kernel: [kh, kw], inChannels, outChannels, strides, dilations, pads }: ConvolutionShape,
): string =>
  `${name}:${kh},${kw}:${inChannels}:${outChannels}:${strides[0]},${strides[1]}:${dilations[0]},${dilations[1]}:${pads[0]},${pads[1]},${pads[2]},${pads[3]}`;

/** Whether a convolution is a matrix product of [positions, channels] with [channels, channels]. */
export const isProduct = ({ kernel, strides, pads }: ConvolutionShape): boolean =>
  [...kernel, ...strides].every((n) => n === 1) && pads.every((n) => n === 0);

export const hasNegativePad = ({ pads }: ConvolutionShape): boolean => pads.some((n) => n < 0);
