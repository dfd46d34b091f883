// Convolution.
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import { type KernelCall, type NativeKernel, areFloat, limits, sizeOf } from '../kernels/shared/kernel.js';
import { hasBlocks } from '../nchwc.js';
import { type Epilogue, epilogueOf, reluEpilogue } from '../kernels/shared/epilogue.js';
import { type Conv2DInfo, geometry, hasNegativePad, isProduct, shapeOf } from './geometry.js';
import { convolve } from './convolve.js';

/** A convolution that is a matrix product of all positions with the filter. */
const multiply = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  filter: TensorInfo,
  { outShape, inChannels, outChannels }: Conv2DInfo,
  epilogue: Epilogue | undefined,
): TensorInfo => {
  const y = backend.output(outShape);
  const positions = sizeOf(y) / outChannels;
  const bias = epilogue?.bias;
  backend.compute(
    `Conv2D:product:${epilogue?.key ?? ''}`,
    (g) => {
      const factors = [g.input('x', 'float32', ['p', 'i']), g.input('w', 'float32', ['i', 'o'])];
      const added = bias && g.input('bias', 'float32', ['o']);
      let result = g.node('MatMul', factors);
      if (added) result = g.node('Add', [result, added]);
      g.output(epilogue ? epilogue.activate(g, result) : result, 'float32', ['p', 'o']);
    },
    [
      [x, [positions, inChannels]],
      [filter, [inChannels, outChannels]],
      ...(bias ? [[bias, [outChannels]] as const] : []),
    ],
    [[y, [positions, outChannels]]],
  );
  return y;
};

/**
 * Convolution, with bias and activation. Without an activation it is put off where the blocked layout can be used: the ReLU
 * that follows joins it then, and what nobody reads but ReLU is never computed.
 */
const forward = (
  { backend, inputs, attrs }: KernelCall,
  epilogue: Epilogue | undefined,
): TensorInfo | undefined => {
  const [x, filter] = [inputs['x']!, inputs['filter']!];
  if (!areFloat([x, filter])) return undefined;
  const info = geometry(x.shape, filter.shape, attrs);
  if (!info) return undefined;
  const shape = shapeOf(info);
  const bias = epilogue?.bias;
  if (hasNegativePad(shape) || (bias && sizeOf(bias) !== shape.outChannels)) return undefined;
  if (isProduct(shape)) return multiply(backend, x, filter, info, epilogue);
  const { outShape } = info;
  const convolution = { name: 'Conv2D', x, filter, turned: false, shape, outShape };
  const isLarge = hasBlocks(backend, outShape) && util.sizeFromShape(outShape) >= limits.small;
  if (!isLarge || (epilogue && epilogue.activation !== 'linear'))
    return convolve(backend, convolution, epilogue, isLarge);
  return backend.defer(outShape, {
    kind: 'Conv2D',
    inputs: { x, filter, ...(bias && { bias }) },
    compute: (inBlocks) => convolve(backend, convolution, epilogue, inBlocks),
    computeRelu: () => convolve(backend, convolution, reluEpilogue(bias), true),
  });
};

const fusedConv2d: NativeKernel = (call) => {
  const epilogue = epilogueOf(call);
  return epilogue && forward(call, epilogue);
};

export const convolutionKernels: Readonly<Record<string, NativeKernel>> = {
  Conv2D: (call) => forward(call, undefined),
  FusedConv2D: fusedConv2d,
};
