// Computes convolutions that are no matrix products: in the blocked layout where there is one, else through NCHW.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../onnx.js';
import type { Value } from '../../ort.js';
import type { OnnxRuntimeBackend } from '../backend.js';
import { free, sizeOf } from '../kernels/shared/kernel.js';
import { blockedValue, hasBlocks } from '../nchwc.js';
import type { Epilogue } from '../kernels/shared/epilogue.js';
import {
  type ConvolutionShape,
  blockFilter,
  blockTurnedFilter,
  blockWholeFilter,
  blockedConvolution,
  fromBlocked,
  isWhole,
  toBlocked,
  wholeFilterDims,
} from './nchwc.js';
import { keyOf } from './geometry.js';
import { filterMinimally } from '../winograd/convolution.js';

/** Convolution on NHWC in a graph, through NCHW: where the library has no blocked layout. */
const convolveRows = (
  g: GraphBuilder,
  x: string,
  w: string,
  bias: string | undefined,
  { kernel, strides, dilations, pads }: ConvolutionShape,
  turned: boolean,
): string => {
  const input = g.node('Transpose', [x], { perm: [0, 3, 1, 2] });
  const ordered = turned
    ? g.node('Slice', [
        g.node('Transpose', [w], { perm: [2, 3, 0, 1] }),
        g.ints(-1, -1),
        g.ints(-kernel[0] - 1, -kernel[1] - 1),
        g.ints(2, 3),
        g.ints(-1, -1),
      ])
    : g.node('Transpose', [w], { perm: [3, 2, 0, 1] });
  const result = g.node('Conv', bias ? [input, ordered, bias] : [input, ordered], {
    kernel_shape: [...kernel],
    strides: [...strides],
    dilations: [...dilations],
    pads: [...pads],
  });
  return g.node('Transpose', [result], { perm: [0, 2, 3, 1] });
};

/** A convolution that is not a matrix product, of a tensor with a filter, or with a turned one, whose channels are exchanged too. */
export interface Convolution {
  /** The kernel's name in the keys of graphs. */
  readonly name: string;
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly turned: boolean;
  readonly shape: ConvolutionShape;
  readonly outShape: readonly number[];
}

/** The shape in which graphs see its filter. */
const filterDims = ({ shape, turned }: Convolution, blockSize: number): readonly number[] => {
  const { kernel, inChannels, outChannels } = shape;
  if (isWhole(shape, blockSize)) return wholeFilterDims(shape, turned);
  return [...kernel, ...(turned ? [outChannels, inChannels] : [inChannels, outChannels])];
};

const filterBlocks = (
  g: GraphBuilder,
  w: string,
  { shape, turned }: Convolution,
  blockSize: number,
): string => {
  if (isWhole(shape, blockSize)) return blockWholeFilter(g, w, shape, blockSize, turned);
  return (turned ? blockTurnedFilter : blockFilter)(g, w, shape, blockSize);
};

/** The filter in blocks, where it is wanted again without having been overwritten. */
const keptFilter = (backend: OnnxRuntimeBackend, convolution: Convolution): Value | undefined => {
  const { filter, shape, turned } = convolution;
  const { blockSize } = backend.capabilities;
  if (turned || !isWhole(shape, blockSize)) return undefined;
  const { kernel, inChannels, outChannels } = shape;
  const blockedDims = [outChannels, inChannels, ...kernel];
  const dims = filterDims(convolution, blockSize);
  const kept = backend.arranged(filter, keyOf('Filter', shape), sizeOf(filter), (target) =>
    backend.run(
      keyOf('Filter', shape),
      (g) => {
        const blocks = filterBlocks(g, g.input('f', 'float32', dims), convolution, blockSize);
        g.output(blocks, 'float32', blockedDims);
      },
      [backend.native(filter, dims)],
      [target.value(blockedDims)],
    ),
  );
  return kept?.value(blockedDims);
};

/**
 * Computes a convolution. Its input is taken in the layout it lies in; its output is left in blocks if `inBlocks` and its
 * channels are whole blocks.
 */
export const convolve = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
  inBlocks: boolean,
): TensorInfo => {
  const { name, x, filter, turned, shape, outShape } = convolution;
  const { blockSize } = backend.capabilities;
  const { inChannels, outChannels } = shape;
  const minimal = filterMinimally(backend, convolution, epilogue);
  if (minimal) return minimal;
  const source = blockSize > 0 ? backend.blocksOf(x) : undefined;
  const kept = keptFilter(backend, convolution);
  const dims = kept?.dims ?? filterDims(convolution, blockSize);
  const y =
    inBlocks && hasBlocks(backend, outShape) ? backend.outputInBlocks(outShape) : backend.output(outShape);
  const target = backend.blocksOf(y);
  const bias = epilogue?.bias;
  const relu = blockSize > 0 && epilogue?.activation === 'relu';
  backend.compute(
    keyOf(
      `${name}:${kept ? 'kept' : ''}:${source ? 'blocks' : ''}:${target ? 'blocks' : ''}:${epilogue?.key ?? ''}`,
      shape,
    ),
    (g) => {
      const input = g.input('x', 'float32', source ? free('x', 4) : ['n', 'h', 'w', inChannels]);
      const w = g.input('f', 'float32', dims);
      const added = bias && g.input('bias', 'float32', [outChannels]);
      let result: string;
      if (blockSize > 0) {
        const blocks = source ? input : toBlocked(g, input, inChannels, blockSize);
        const weights = kept ? w : filterBlocks(g, w, convolution, blockSize);
        result = blockedConvolution(g, blocks, weights, added, shape, blockSize, relu);
        if (!target) result = fromBlocked(g, result, outChannels);
      } else result = convolveRows(g, input, w, added, shape, turned);
      g.output(epilogue && !relu ? epilogue.activate(g, result) : result, 'float32', free('y', 4));
    },
    [
      source ? blockedValue(source, x.shape) : [x],
      kept ?? [filter, dims],
      ...(bias ? [[bias, [outChannels]] as const] : []),
    ],
    [target ? blockedValue(target, outShape) : [y]],
  );
  return y;
};
