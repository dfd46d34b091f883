// Computes convolutions that are no matrix products: by Winograd's algorithm, directly in NCHWc, or through NCHW.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { type GraphBuilder, symbolicDims } from '../../onnx.js';
import type { Value } from '../../ort.js';
import type { OnnxRuntimeBackend } from '../backend.js';
import type { Epilogue } from '../kernels/shared/epilogue.js';
import { hasNchwc, nchwcValue } from '../nchwc.js';
import { convolveWinograd } from '../winograd/convolution.js';
import { type ConvolutionShape, hasWholeBlocks, keyOf } from './geometry.js';
import { filterDims, fromNchwc, nchwcConvolution, packFilter, toNchwc } from './nchwc-graph.js';
import type { Convolution } from './operands.js';

/** A convolution of NHWC through NCHW, as nodes of a graph: where the library has no NCHWc. */
const nchwConvolution = (
  g: GraphBuilder,
  x: string,
  w: string,
  bias: string | undefined,
  { kernel, strides, dilations, pads }: ConvolutionShape,
  rotated: boolean,
): string => {
  const input = g.node('Transpose', [x], { perm: [0, 3, 1, 2] });
  const filter = rotated
    ? g.node('Slice', [
        g.node('Transpose', [w], { perm: [2, 3, 0, 1] }),
        g.ints(-1, -1),
        g.ints(-kernel[0] - 1, -kernel[1] - 1),
        g.ints(2, 3),
        g.ints(-1, -1),
      ])
    : g.node('Transpose', [w], { perm: [3, 2, 0, 1] });
  const result = g.node('Conv', bias ? [input, filter, bias] : [input, filter], {
    kernel_shape: [...kernel],
    strides: [...strides],
    dilations: [...dilations],
    pads: [...pads],
  });
  return g.node('Transpose', [result], { perm: [0, 2, 3, 1] });
};

/** The filter in the order of the NCHWc convolution, where it is used again without having been overwritten. */
const prepackedFilter = (backend: OnnxRuntimeBackend, convolution: Convolution): Value | undefined => {
  const { filter, shape, rotated } = convolution;
  const blockSize = backend.nchwcBlock;
  if (rotated || !hasWholeBlocks(shape, blockSize)) return undefined;
  const { kernel, inChannels, outChannels } = shape;
  const packedDims = [outChannels, inChannels, ...kernel];
  const dims = filterDims(shape, blockSize, rotated);
  const key = keyOf('Filter', shape);
  const packed = backend.prepacked(filter, key, sizeFromShape(filter.shape), (target) =>
    backend.run(
      key,
      (g) => {
        const w = g.input('f', 'float32', dims);
        g.output(packFilter(g, w, shape, blockSize, rotated), 'float32', packedDims);
      },
      [backend.native(filter, dims)],
      [target.value(packedDims)],
    ),
  );
  return packed?.value(packedDims);
};

/** The direct convolution. */
const convolveDirectly = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
  inNchwc: boolean,
): TensorInfo => {
  const { name, x, filter, rotated, shape, outShape } = convolution;
  const blockSize = backend.nchwcBlock;
  const { inChannels, outChannels } = shape;
  const source = blockSize > 0 ? backend.nchwcOf(x) : undefined;
  const packed = prepackedFilter(backend, convolution);
  const dims = packed?.dims ?? filterDims(shape, blockSize, rotated);
  const y =
    inNchwc && hasNchwc(blockSize, outShape) ? backend.outputNchwc(outShape) : backend.output(outShape);
  const target = backend.nchwcOf(y);
  const bias = epilogue?.bias;
  const relu = blockSize > 0 && epilogue?.activation === 'relu';
  backend.compute(
    keyOf(
      `${name}:${packed ? 'packed' : ''}:${source ? 'NCHWc' : ''}:${target ? 'NCHWc' : ''}:${epilogue?.key ?? ''}`,
      shape,
    ),
    (g) => {
      const input = g.input('x', 'float32', source ? symbolicDims('x', 4) : ['n', 'h', 'w', inChannels]);
      const w = g.input('f', 'float32', dims);
      const added = bias && g.input('bias', 'float32', [outChannels]);
      let result: string;
      if (blockSize > 0) {
        const image = source ? input : toNchwc(g, input, inChannels, blockSize);
        const weights = packed ? w : packFilter(g, w, shape, blockSize, rotated);
        result = nchwcConvolution(g, image, weights, added, shape, blockSize, relu);
        if (!target) result = fromNchwc(g, result, outChannels);
      } else result = nchwConvolution(g, input, w, added, shape, rotated);
      const activated = epilogue && !relu ? epilogue.activate(g, result) : result;
      g.output(activated, 'float32', symbolicDims('y', 4));
    },
    [
      source ? nchwcValue(source, x.shape) : [x],
      packed ?? [filter, dims],
      ...(bias ? [[bias, [outChannels]] as const] : []),
    ],
    [target ? nchwcValue(target, outShape) : [y]],
  );
  return y;
};

/**
 * Computes a convolution. Its input is taken in the layout it is in; its output is left in NCHWc if `inNchwc` and if its
 * channels are whole blocks.
 */
export const convolve = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
  inNchwc: boolean,
): TensorInfo =>
  convolveWinograd(backend, convolution, epilogue) ??
  convolveDirectly(backend, convolution, epilogue, inNchwc);
