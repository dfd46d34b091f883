// Convolutions with 3 x 3 filters, and the gradients of such filters, by Winograd's F(2x2, 3x3), as Lavin and Gray (2015) describe it for
// nets. The only factors of its transforms are 1/2, so that it rounds hardly more than a direct convolution.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import type { OnnxRuntimeBackend } from '../backend.js';
import { convolutionShapeOf } from '../convolution/geometry.js';
import type { Convolution, FilterGradient } from '../convolution/operands.js';
import type { Epilogue } from '../kernels/shared/epilogue.js';
import type { PooledBuffer } from '../pool.js';
import { transformFilter, transformSums } from './filter-transform.js';
import { parallelWinograd } from './parallel.js';
import { planFor } from './plan.js';
import { PLANES } from './units.js';

/** The elements of a tensor in NCHWc. */
const nchwcArray = (backend: OnnxRuntimeBackend, tensor: TensorInfo): Float32Array =>
  backend.toNchwc(tensor).view(sizeFromShape(tensor.shape));

/**
 * Computes a convolution, with bias and ReLU, where Winograd's algorithm is faster; else returns undefined. Its input is
 * brought to NCHWc, its output left in it.
 */
export const convolveWinograd = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
): TensorInfo | undefined => {
  const { x, filter, shape, outShape, rotated } = convolution;
  const activation = epilogue?.activation ?? 'linear';
  const plan = ['linear', 'relu'].includes(activation)
    ? planFor(backend, 'convolution', shape, x.shape, outShape)
    : undefined;
  if (!plan) return undefined;
  const y = backend.outputNchwc(outShape);
  const length = PLANES * shape.inChannels * shape.outChannels;
  const bias = epilogue?.bias
    ? (backend.native(epilogue.bias).data as Float32Array)
    : new Float32Array(shape.outChannels);
  const compute = (u: PooledBuffer): void =>
    parallelWinograd.convolution(backend.team, { ...plan, relu: Number(activation === 'relu') }, [
      nchwcArray(backend, x),
      u.view(length),
      bias,
      nchwcArray(backend, y),
    ]);
  const transformed = rotated
    ? undefined
    : backend.prepacked(filter, 'Winograd', length, (u) => transformFilter(backend, convolution, u));
  if (transformed) compute(transformed);
  else
    backend.withWorkspace(length, (u) => {
      transformFilter(backend, convolution, u);
      compute(u);
    });
  return y;
};

/** Computes the gradient of a filter where Winograd's algorithm is faster; returns whether it is. */
export const filterGradientWinograd = (gradient: FilterGradient): boolean => {
  const { backend, x, dy, info } = gradient;
  const plan = planFor(backend, 'filterGradient', convolutionShapeOf(info), info.inShape, info.outShape);
  if (!plan) return false;
  const length = plan.partialSums * PLANES * info.inChannels * info.outChannels;
  backend.withWorkspace(length, (sums) => {
    const arrays = [nchwcArray(backend, x), nchwcArray(backend, dy), sums.view(length)] as const;
    parallelWinograd.filterGradient(backend.team, plan, arrays);
    transformSums(gradient, plan.partialSums, sums);
  });
  return true;
};
