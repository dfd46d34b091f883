// The blocked layout (NCHWc) that ONNX Runtime's fastest convolution works on, written into graphs explicitly.
import type { GraphBuilder } from '../../onnx.js';

/** Operators of the blocked layout. */
export const DOMAIN = 'com.microsoft.nchwc';

/** What a convolution needs besides its tensors; pads are top, left, bottom, right as ONNX orders them. */
export interface ConvolutionShape {
  readonly kernel: readonly [height: number, width: number];
  readonly inChannels: number;
  readonly outChannels: number;
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

const roundUp = (n: number, block: number): number => Math.ceil(n / block) * block;

/** Channels as the blocked layout stores them. Fewer input channels than a block stay as they are, in NCHW. */
const paddedChannels = ({ inChannels, outChannels }: ConvolutionShape, block: number) => ({
  input: inChannels < block ? inChannels : roundUp(inChannels, block),
  output: roundUp(outChannels, block),
});

const padLast = (g: GraphBuilder, x: string, rank: number, extra: readonly number[]): string => {
  if (extra.every((n) => n === 0)) return x;
  const before = new Array<number>(rank).fill(0);
  const after = [...before.slice(extra.length), ...extra];
  return g.node('Pad', [x, g.ints(...before, ...after)]);
};

/** NHWC to the blocked layout (or to NCHW for fewer channels than a block). */
export const toBlocked = (g: GraphBuilder, x: string, channels: number, block: number): string => {
  if (channels < block) return g.node('Transpose', [x], { perm: [0, 3, 1, 2] });
  // The operator takes multiples of four; it fills the block up itself.
  const padded = channels % 4 === 0 ? x : padLast(g, x, 4, [roundUp(channels, block) - channels]);
  return g.node('ReorderInput', [padded], { channels_last: 1 }, { domain: DOMAIN });
};

/** The blocked layout back to NHWC. */
export const fromBlocked = (g: GraphBuilder, x: string, channels: number): string =>
  g.node('ReorderOutput', [x], { channels, channels_last: 1 }, { domain: DOMAIN });

/** A filter [kh, kw, in, out] as the blocked convolution takes it. */
export const blockFilter = (g: GraphBuilder, w: string, shape: ConvolutionShape, block: number): string => {
  const { input, output } = paddedChannels(shape, block);
  const [kh, kw] = shape.kernel;
  const padded = padLast(g, w, 4, [input - shape.inChannels, output - shape.outChannels]);
  const whole = input >= block;
  const parts = whole
    ? [kh, kw, input / block, block, output / block, block]
    : [kh, kw, input, output / block, block];
  const split = g.node('Reshape', [padded, g.ints(...parts)]);
  const perm = whole ? [4, 2, 0, 1, 3, 5] : [3, 2, 0, 1, 4];
  const ordered = g.node('Transpose', [split], { perm });
  return g.node('Reshape', [ordered, g.ints(output, input, kh, kw)]);
};

/**
 * A filter [kh, kw, out, in] of a forward convolution as its input gradient's convolution takes it: turned by 180 degrees,
 * with the roles of the channels exchanged. `shape` is the gradient's (`inChannels` are those of dy).
 */
export const blockTurnedFilter = (
  g: GraphBuilder,
  w: string,
  shape: ConvolutionShape,
  block: number,
): string => {
  const { input, output } = paddedChannels(shape, block);
  const [kh, kw] = shape.kernel;
  const positions = kh * kw;
  const padded = padLast(g, w, 4, [output - shape.outChannels, input - shape.inChannels]);
  const flat = g.node('Reshape', [padded, g.ints(positions, output, input)]);
  const turned =
    positions === 1
      ? flat
      : g.node('Gather', [flat, g.ints(...Array.from({ length: positions }, (_, i) => positions - 1 - i))]);
  const whole = input >= block;
  const parts = whole
    ? [positions, output / block, block, input / block, block]
    : [positions, output / block, block, input];
  const split = g.node('Reshape', [turned, g.ints(...parts)]);
  const perm = whole ? [1, 3, 0, 4, 2] : [1, 3, 0, 2];
  const ordered = g.node('Transpose', [split], { perm });
  return g.node('Reshape', [ordered, g.ints(output, input, kh, kw)]);
};

/** Whether both channels are whole blocks, so that {@link blockWholeFilter} can be used. */
export const isWhole = ({ inChannels, outChannels }: ConvolutionShape, block: number): boolean =>
  block > 0 && inChannels % block === 0 && outChannels % block === 0;

/** In which shape {@link blockWholeFilter} sees a filter: its positions as a batch of images. */
export const wholeFilterDims = (
  { kernel, inChannels, outChannels }: ConvolutionShape,
  turned: boolean,
): readonly number[] => {
  const positions = kernel[0] * kernel[1];
  return turned ? [positions, outChannels, inChannels, 1] : [positions, inChannels, 1, outChannels];
};

/**
 * As {@link blockFilter} or {@link blockTurnedFilter}, nine times as fast: the operator that brings NHWC or NCHW into blocks does
 * the small transposes on all threads, and gathering the blocks in another order turns the filter.
 */
export const blockWholeFilter = (
  g: GraphBuilder,
  w: string,
  { kernel, inChannels, outChannels }: ConvolutionShape,
  block: number,
  turned: boolean,
): string => {
  const [positions, outBlocks, inBlocks] = [kernel[0] * kernel[1], outChannels / block, inChannels / block];
  const order: number[] = [];
  for (let o = 0; o < outBlocks; o++)
    for (let i = 0; i < inBlocks; i++)
      for (let k = 0; k < positions; k++)
        order.push(((turned ? positions - 1 - k : k) * outBlocks + o) * inBlocks + i);
  const pieces = g.node('ReorderInput', [w], { channels_last: turned ? 0 : 1 }, { domain: DOMAIN });
  const blocks = g.node('Reshape', [pieces, g.ints(-1, block * block)]);
  const ordered = g.node('Gather', [blocks, g.ints(...order)]);
  return g.node('Reshape', [ordered, g.ints(outChannels, inChannels, ...kernel)]);
};

/** The convolution itself, on blocked tensors. */
export const blockedConvolution = (
  g: GraphBuilder,
  x: string,
  filter: string,
  bias: string | undefined,
  shape: ConvolutionShape,
  block: number,
  relu: boolean,
): string => {
  const { kernel, strides, dilations, pads, outChannels } = shape;
  const paddedBias = bias && padLast(g, bias, 1, [roundUp(outChannels, block) - outChannels]);
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
    { domain: DOMAIN },
  );
};
