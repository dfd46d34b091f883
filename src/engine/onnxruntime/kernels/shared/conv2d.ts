// Convolution with an optional bias and activation, for the kernels Conv2D and FusedConv2D.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../../shape.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { convolve } from '../../convolution/convolve.js';
import {
  type Conv2DInfo,
  convolutionShapeOf,
  geometry,
  hasNegativePad,
  isPointwise,
} from '../../convolution/geometry.js';
import { hasNchwc } from '../../nchwc.js';
import { type Epilogue, reluEpilogue } from './epilogue.js';
import { type KernelCall, areFloat, limits } from './kernel.js';

/** A 1 x 1 convolution: the matrix product of all positions with the filter. */
const multiply = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  filter: TensorInfo,
  { outShape, inChannels, outChannels }: Conv2DInfo,
  epilogue: Epilogue | undefined,
): TensorInfo => {
  const y = backend.output(outShape);
  const positions = sizeFromShape(outShape) / outChannels;
  const bias = epilogue?.bias;
  backend.compute(
    `Conv2D:pointwise:${epilogue?.key ?? ''}`,
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
 * Convolution, with bias and activation; undefined where tfjs-cpu must compute it. Without an activation it is deferred
 * where the output can be in NCHWc: the ReLU that follows is computed together with it, and what only ReLU reads is never
 * computed by itself.
 */
export const conv2d = (
  { backend, inputs, attrs }: KernelCall,
  epilogue: Epilogue | undefined,
): TensorInfo | undefined => {
  const [x, filter] = [inputs['x']!, inputs['filter']!];
  if (!areFloat([x, filter])) return undefined;
  const info = geometry(x.shape, filter.shape, attrs);
  if (!info) return undefined;
  const shape = convolutionShapeOf(info);
  const bias = epilogue?.bias;
  if (hasNegativePad(shape) || (bias && sizeFromShape(bias.shape) !== shape.outChannels)) return undefined;
  if (isPointwise(shape)) return multiply(backend, x, filter, info, epilogue);
  const { outShape } = info;
  const convolution = { name: 'Conv2D', x, filter, rotated: false, shape, outShape };
  const canBeNchwc = hasNchwc(backend.nchwcBlock, outShape) && sizeFromShape(outShape) >= limits.small;
  if (!canBeNchwc || (epilogue && epilogue.activation !== 'linear'))
    return convolve(backend, convolution, epilogue, canBeNchwc);
  return backend.defer(outShape, {
    kind: 'Conv2D',
    inputs: { x, filter, ...(bias && { bias }) },
    compute: (inNchwc) => convolve(backend, convolution, epilogue, inNchwc),
    computeRelu: () => convolve(backend, convolution, reluEpilogue(bias), true),
  });
};
