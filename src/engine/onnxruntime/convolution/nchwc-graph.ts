// Convolution in NCHWc, as nodes of a graph whose filter is an input: ONNX Runtime's own optimiser uses it for constant filters only.
import type { GraphBuilder } from '../../onnx.js';
import { NCHWC_DOMAIN, reorderInput, reorderOutput } from '../nchwc.js';
import { type ConvolutionShape, hasWholeBlocks } from './geometry.js';

const roundUp = (n: number, blockSize: number): number => Math.ceil(n / blockSize) * blockSize;

/** Channels as NCHWc stores them. Fewer input channels than a block stay as they are, in NCHW. */
const paddedChannels = ({ inChannels, outChannels }: ConvolutionShape, blockSize: number) => ({
  input: inChannels < blockSize ? inChannels : roundUp(inChannels, blockSize),
  output: roundUp(outChannels, blockSize),
});

/** Zeros after the last dimensions of a tensor. */
const padLast = (g: GraphBuilder, x: string, rank: number, extra: readonly number[]): string => {
  if (extra.every((n) => n === 0)) return x;
  const before = new Array<number>(rank).fill(0);
  const after = [...before.slice(extra.length), ...extra];
  return g.node('Pad', [x, g.ints(...before, ...after)]);
};

/** From NHWC to NCHWc, or to NCHW for fewer channels than a block. */
export const toNchwc = (g: GraphBuilder, x: string, channels: number, blockSize: number): string => {
  if (channels < blockSize) return g.node('Transpose', [x], { perm: [0, 3, 1, 2] });
  // The operator takes multiples of four, and fills the last block up itself.
  const padded = channels % 4 === 0 ? x : padLast(g, x, 4, [roundUp(channels, blockSize) - channels]);
  return reorderInput(g, padded, 'NHWC');
};

/** From NCHWc to NHWC. */
export const fromNchwc = (g: GraphBuilder, x: string, channels: number): string =>
  reorderOutput(g, x, channels, 'NHWC');

/** A filter [kh, kw, in, out] in the order of the NCHWc convolution. */
const packAnyFilter = (g: GraphBuilder, w: string, shape: ConvolutionShape, blockSize: number): string => {
  const { input, output } = paddedChannels(shape, blockSize);
  const [kh, kw] = shape.kernel;
  const padded = padLast(g, w, 4, [input - shape.inChannels, output - shape.outChannels]);
  const isBlocked = input >= blockSize;
  const dims = isBlocked
    ? [kh, kw, input / blockSize, blockSize, output / blockSize, blockSize]
    : [kh, kw, input, output / blockSize, blockSize];
  const split = g.node('Reshape', [padded, g.ints(...dims)]);
  const perm = isBlocked ? [4, 2, 0, 1, 3, 5] : [3, 2, 0, 1, 4];
  const ordered = g.node('Transpose', [split], { perm });
  return g.node('Reshape', [ordered, g.ints(output, input, kh, kw)]);
};

/**
 * A filter [kh, kw, out, in] of a forward convolution in the order of its input gradient's convolution: rotated by 180°,
 * with its channels exchanged. `shape` is the gradient's (`inChannels` are those of dy).
 */
const packAnyRotatedFilter = (
  g: GraphBuilder,
  w: string,
  shape: ConvolutionShape,
  blockSize: number,
): string => {
  const { input, output } = paddedChannels(shape, blockSize);
  const [kh, kw] = shape.kernel;
  const positions = kh * kw;
  const padded = padLast(g, w, 4, [output - shape.outChannels, input - shape.inChannels]);
  const flat = g.node('Reshape', [padded, g.ints(positions, output, input)]);
  const rotated =
    positions === 1
      ? flat
      : g.node('Gather', [flat, g.ints(...Array.from({ length: positions }, (_, i) => positions - 1 - i))]);
  const isBlocked = input >= blockSize;
  const dims = isBlocked
    ? [positions, output / blockSize, blockSize, input / blockSize, blockSize]
    : [positions, output / blockSize, blockSize, input];
  const split = g.node('Reshape', [rotated, g.ints(...dims)]);
  const perm = isBlocked ? [1, 3, 0, 4, 2] : [1, 3, 0, 2];
  const ordered = g.node('Transpose', [split], { perm });
  return g.node('Reshape', [ordered, g.ints(output, input, kh, kw)]);
};

/** The shape in which a filter with whole blocks is brought to NCHWc: its positions are a batch of images. */
export const wholeFilterDims = (
  { kernel, inChannels, outChannels }: ConvolutionShape,
  rotated: boolean,
): readonly number[] => {
  const positions = kernel[0] * kernel[1];
  return rotated ? [positions, outChannels, inChannels, 1] : [positions, inChannels, 1, outChannels];
};

/** The channels of such a filter in NCHWc. */
export const reorderWholeFilter = (g: GraphBuilder, w: string, rotated: boolean): string =>
  reorderInput(g, w, rotated ? 'NCHW' : 'NHWC');

/**
 * A filter with whole blocks, nine times as fast as any filter: the operator from NHWC, or NCHW, to NCHWc transposes each
 * block on all threads, and gathering the blocks in reverse order rotates the filter.
 */
const packWholeFilter = (
  g: GraphBuilder,
  w: string,
  { kernel, inChannels, outChannels }: ConvolutionShape,
  blockSize: number,
  rotated: boolean,
): string => {
  const positions = kernel[0] * kernel[1];
  const [outBlocks, inBlocks] = [outChannels / blockSize, inChannels / blockSize];
  const order: number[] = [];
  for (let o = 0; o < outBlocks; o++)
    for (let i = 0; i < inBlocks; i++)
      for (let k = 0; k < positions; k++)
        order.push(((rotated ? positions - 1 - k : k) * outBlocks + o) * inBlocks + i);
  const reordered = reorderWholeFilter(g, w, rotated);
  const blocks = g.node('Reshape', [reordered, g.ints(-1, blockSize * blockSize)]);
  const ordered = g.node('Gather', [blocks, g.ints(...order)]);
  return g.node('Reshape', [ordered, g.ints(outChannels, inChannels, ...kernel)]);
};

/** The shape in which {@link packFilter} takes a filter. */
export const filterDims = (
  shape: ConvolutionShape,
  blockSize: number,
  rotated: boolean,
): readonly number[] => {
  const { kernel, inChannels, outChannels } = shape;
  if (hasWholeBlocks(shape, blockSize)) return wholeFilterDims(shape, rotated);
  return [...kernel, ...(rotated ? [outChannels, inChannels] : [inChannels, outChannels])];
};

/** A filter in the order of the NCHWc convolution; `rotated` by 180° and with its channels exchanged, if wanted. */
export const packFilter = (
  g: GraphBuilder,
  w: string,
  shape: ConvolutionShape,
  blockSize: number,
  rotated: boolean,
): string => {
  if (hasWholeBlocks(shape, blockSize)) return packWholeFilter(g, w, shape, blockSize, rotated);
  return (rotated ? packAnyRotatedFilter : packAnyFilter)(g, w, shape, blockSize);
};

/** The convolution itself: x, the filter and the result are in NCHWc. */
export const nchwcConvolution = (
  g: GraphBuilder,
  x: string,
  filter: string,
  bias: string | undefined,
  shape: ConvolutionShape,
  blockSize: number,
  relu: boolean,
): string => {
  const { kernel, strides, dilations, pads, outChannels } = shape;
  const paddedBias = bias && padLast(g, bias, 1, [roundUp(outChannels, blockSize) - outChannels]);
  return g.node(
    'Conv',
    paddedBias ? [x, filter, paddedBias] : [x, filter],
    {
      kernel_shape: [...kernel],
      strides: [...strides],
      dilations: [...dilations],
      pads: [...pads],
      ...(relu && { activation: 'Relu' }),
    },
    { domain: NCHWC_DOMAIN },
  );
};
