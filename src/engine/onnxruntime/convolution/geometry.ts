// The sizes, strides and padding of a convolution: as tfjs gives them, and as graphs need them.
import { type NamedAttrMap, backend_util } from '@tensorflow/tfjs-core';

/** What tfjs computes of a convolution's sizes. */
export type Conv2DInfo = backend_util.Conv2DInfo;

/** What the graph of a convolution depends on. Pads are top, left, bottom, right, as ONNX orders them. */
export interface ConvolutionShape {
  readonly kernel: readonly [height: number, width: number];
  readonly inChannels: number;
  readonly outChannels: number;
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

/** The geometry of a convolution on NHWC; undefined for NCHW and for empty results, which tfjs-cpu computes. */
export const geometry = (
  xShape: number[],
  filterShape: number[],
  attrs: Readonly<NamedAttrMap>,
): Conv2DInfo | undefined => {
  if (attrs['dataFormat'] !== 'NHWC') return undefined;
  const info = backend_util.computeConv2DInfo(
    xShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    attrs['strides'] as number | [number, number],
    (attrs['dilations'] ?? 1) as number | [number, number],
    attrs['pad'] as 'same' | 'valid' | number,
    attrs['dimRoundingMode'] as 'floor' | 'round' | 'ceil' | undefined,
  );
  const isEmpty = [info.batchSize, info.outHeight, info.outWidth].some((n) => n < 1);
  if (isEmpty || filterShape[2] !== info.inChannels) return undefined;
  const [bottom, right] = endPads(info);
  return bottom > -info.strideHeight && right > -info.strideWidth ? info : undefined;
};

/**
 * Padding at the lower or right end with which there are exactly `out` outputs: tfjs counts the outputs of an explicit
 * padding by the height's filter and stride alone. Negative: no output depends on that many inputs at the end.
 */
const endPad = (out: number, stride: number, filter: number, size: number, start: number): number =>
  (out - 1) * stride + filter - size - start;

/** The padding below and to the right, see {@link endPad}. */
export const endPads = (info: Conv2DInfo): [bottom: number, right: number] => [
  endPad(info.outHeight, info.strideHeight, info.effectiveFilterHeight, info.inHeight, info.padInfo.top),
  endPad(info.outWidth, info.strideWidth, info.effectiveFilterWidth, info.inWidth, info.padInfo.left),
];

export const convolutionShapeOf = (info: Conv2DInfo): ConvolutionShape => {
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

/** A key for the graph of a kernel on a convolution. Written out: joining arrays takes ten times as long. */
export const keyOf = (
  name: string,
  { kernel: [kh, kw], inChannels, outChannels, strides, dilations, pads }: ConvolutionShape,
): string =>
  `${name}:${kh},${kw}:${inChannels}:${outChannels}:${strides[0]},${strides[1]}:${dilations[0]},${dilations[1]}:${pads[0]},${pads[1]},${pads[2]},${pads[3]}`;

/** Whether a convolution is a matrix product of [positions, channels] with [channels, channels]. */
export const isPointwise = ({ kernel, strides, pads }: ConvolutionShape): boolean =>
  [...kernel, ...strides].every((n) => n === 1) && pads.every((n) => n === 0);

export const hasNegativePad = ({ pads }: ConvolutionShape): boolean => pads.some((n) => n < 0);

/** Whether the channels of input and output are whole NCHWc blocks. */
export const hasWholeBlocks = ({ inChannels, outChannels }: ConvolutionShape, blockSize: number): boolean =>
  blockSize > 0 && inChannels % blockSize === 0 && outChannels % blockSize === 0;
