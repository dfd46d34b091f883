// The gradients of ReLU and of max pooling. Both are deferred, and computed in one pass where they come together, as in VGG nets.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { isSameShape, sizeFromShape } from '../../../../shape.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import type { Extent } from '../../loops/loops.js';
import { parallelLoops } from '../../loops/parallel.js';

/** Whether x is known to be ReLU of z. */
export const isPositivePart = (backend: OnnxRuntimeBackend, x: TensorInfo, z: TensorInfo): boolean =>
  backend.facts(x).positivePartOf === backend.facts(z);

/** A tensor that is positive where z is: ReLU of z if that is still in memory, since z itself may never have been computed. */
const signsOf = (backend: OnnxRuntimeBackend, z: TensorInfo): TensorInfo => {
  const { positivePart } = backend.facts(z);
  const isThere =
    positivePart &&
    backend.data.has(positivePart.dataId) &&
    isPositivePart(backend, positivePart, z) &&
    isSameShape(positivePart.shape, z.shape);
  return isThere ? positivePart : z;
};

/** The planes of a tensor of this shape, in NHWC (`blockSize` 0) or in NCHWc. */
export const extentOf = (shape: readonly number[], blockSize: number): Extent => {
  const [columns, channels] = [shape.at(-2) ?? 1, shape.at(-1)!];
  const rows = shape.at(-3) ?? 1;
  const images = sizeFromShape(shape) / (rows * columns * channels);
  const planes = blockSize > 0 ? channels / blockSize : 1;
  return { images, planes, rows, columns, channels: channels / planes };
};

/** The numbers of two tensors and of a new one, dx, all in the layout of the first. */
const inOneLayout = (
  backend: OnnxRuntimeBackend,
  shape: readonly number[],
  first: TensorInfo,
  second: TensorInfo,
) => {
  const isNchwc = backend.nchwcOf(first) !== undefined;
  const dx = isNchwc ? backend.outputNchwc(shape) : backend.output(shape);
  const [a, b, target] = [first, second, dx].map((tensor) =>
    isNchwc ? backend.toNchwc(tensor).view(sizeFromShape(tensor.shape)) : backend.values(tensor),
  ) as [Float32Array, Float32Array, Float32Array];
  return { dx, a, b, target, blockSize: isNchwc ? backend.nchwcBlock : 0 };
};

/**
 * The gradient of max pooling by windows of 2 x 2 that tile x.
 *
 * @param positive whether x is ReLU of a tensor whose gradient is wanted: only maxima above zero pass dy on
 */
const poolGradient = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  dy: TensorInfo,
  positive: boolean,
): TensorInfo => {
  const { dx, a, b, target, blockSize } = inOneLayout(backend, x.shape, x, dy);
  const windows = extentOf(dy.shape, blockSize);
  backend.facts(dx).columnSums = parallelLoops.poolGradient(backend.worker, a, b, target, windows, positive);
  return dx;
};

/** The gradient of ReLU of z. If dy is the gradient of max pooling of that ReLU, still deferred, one pass computes both. */
const reluGradient = (backend: OnnxRuntimeBackend, dy: TensorInfo, z: TensorInfo): TensorInfo => {
  const pooled = backend.deferred(dy, 'MaxPoolGrad')?.inputs;
  if (pooled && isPositivePart(backend, pooled['x']!, z))
    return poolGradient(backend, pooled['x']!, pooled['dy']!, true);
  const { dx, a, b, target, blockSize } = inOneLayout(backend, z.shape, signsOf(backend, z), dy);
  const extent = extentOf(z.shape, blockSize);
  backend.facts(dx).columnSums = parallelLoops.reluGradient(backend.worker, b, a, target, extent);
  return dx;
};

/**
 * dy times the step function of z, which is how tfjs computes the gradient of ReLU; undefined unless `step` is such a
 * function, still deferred. The sums that a bias's gradient needs are noted on the way. Deferred where z is a normalised tensor that is
 * not computed yet: the gradient of the normalisation is then computed together with it.
 */
export const reluGradientOf = (
  backend: OnnxRuntimeBackend,
  dy: TensorInfo,
  step: TensorInfo,
): TensorInfo | undefined => {
  const z = backend.deferred(step, 'Step')?.inputs['x'];
  if (!z || !isSameShape(dy.shape, z.shape)) return undefined;
  if (!backend.deferred(z, 'BatchNorm')) return reluGradient(backend, dy, z);
  const compute = (): TensorInfo => reluGradient(backend, dy, z);
  return backend.defer(z.shape, { kind: 'ReluGrad', inputs: { dy, z }, compute });
};

/** The gradient of max pooling by windows of 2 x 2 that tile x; deferred. */
export const deferPoolGradient = (backend: OnnxRuntimeBackend, x: TensorInfo, dy: TensorInfo): TensorInfo =>
  backend.defer(x.shape, {
    kind: 'MaxPoolGrad',
    inputs: { x, dy },
    compute: () => poolGradient(backend, x, dy, false),
  });
