// Batch normalisation that is computed when it is read: ReLU and max pooling that follow it are computed in the same pass over x, and
// so are their gradients.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../../shape.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { FACTOR_ROWS, FORM, type Form, emptyFactors } from '../../loops/batch-norm.js';
import { parallelBatchNorm } from '../../loops/parallel-batch-norm.js';
import { extentOf, isPositivePart } from './deferred-gradients.js';

/** The rows of {@link Normalised.factors} that the gradient replaces by its own: the variance, and 1 / deviation. */
const [VARIANCE, INVERSE] = [FACTOR_ROWS.k, FACTOR_ROWS.l];

/** What a normalised tensor is computed from. */
interface Normalised {
  readonly x: TensorInfo;
  /** [5, channels]: factor, shift, mean, variance, 1 / deviation. */
  readonly factors: TensorInfo;
}

/** Mean and variance (over n, not n - 1) of each channel. */
export interface Moments {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** The moments among the factors of a normalisation. */
export const momentsIn = (factors: Float32Array, channels: number): Moments => {
  const row = (i: number): Float32Array => factors.slice(i * channels, (i + 1) * channels);
  return { mean: row(FACTOR_ROWS.mean), variance: row(VARIANCE) };
};

/** x's numbers, and how to get another tensor's in the layout of x. */
const layoutOf = (backend: OnnxRuntimeBackend, x: TensorInfo) => {
  const isNchwc = backend.nchwcOf(x) !== undefined;
  const blockSize = isNchwc ? backend.nchwcBlock : 0;
  return {
    array: (tensor: TensorInfo): Float32Array =>
      isNchwc ? backend.toNchwc(tensor).view(sizeFromShape(tensor.shape)) : backend.values(tensor),
    output: (shape: readonly number[]): TensorInfo =>
      isNchwc ? backend.outputNchwc(shape) : backend.output(shape),
    extent: (shape: readonly number[]) => extentOf(shape, blockSize),
    /** The first number of each channel. */
    firsts: (): Float32Array => {
      const values = isNchwc ? backend.nchwcOf(x)!.view(sizeFromShape(x.shape)) : backend.values(x);
      const { rows, columns, channels, planes } = extentOf(x.shape, blockSize);
      const plane = rows * columns * channels;
      return Float32Array.from({ length: planes * channels }, (_, c) =>
        Number(values[Math.floor(c / channels) * plane + (c % channels)]),
      );
    },
  };
};

/**
 * The factors of a batch's normalisation by its own moments. Sums are of x minus its first number in each channel, since squares of
 * numbers far from zero would round the variance away.
 */
export const batchFactors = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  scale: TensorInfo,
  offset: TensorInfo,
  epsilon: number,
): TensorInfo => {
  const channels = x.shape.at(-1)!;
  const count = sizeFromShape(x.shape) / channels;
  const { array, extent, firsts } = layoutOf(backend, x);
  const pivots = firsts();
  const sums = parallelBatchNorm.moments(backend.worker, [array(x)], pivots, extent(x.shape));
  const factors = backend.output([Object.keys(FACTOR_ROWS).length, channels]);
  const [values, gamma, beta] = [factors, scale, offset].map((tensor) => backend.values(tensor));
  for (let c = 0; c < channels; c++) {
    const shifted = sums[c]! / count;
    const mean = pivots[c]! + shifted;
    const variance = Math.max(0, sums[channels + c]! / count - shifted * shifted);
    const inverse = 1 / Math.sqrt(variance + epsilon);
    const a = gamma![c]! * inverse;
    [a, beta![c]! - mean * a, mean, variance, inverse].forEach(
      (value, row) => (values![row * channels + c] = value),
    );
  }
  return factors;
};

const compute = (
  backend: OnnxRuntimeBackend,
  { x, factors }: Normalised,
  form: Form,
  shape: readonly number[],
): TensorInfo => {
  const { array, output, extent } = layoutOf(backend, x);
  const y = output(shape);
  const tensors = [array(x), array(y)];
  parallelBatchNorm.normalise(backend.worker, tensors, backend.values(factors), extent(shape), form);
  return y;
};

/** The normalised tensor; deferred. */
export const deferNormalised = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  factors: TensorInfo,
): TensorInfo =>
  backend.defer(x.shape, {
    kind: 'BatchNorm',
    inputs: { x, factors },
    compute: () => compute(backend, { x, factors }, FORM.linear, x.shape),
  });

/** ReLU of a normalised tensor that is not computed yet; deferred. Undefined for any other. */
export const deferRelu = (backend: OnnxRuntimeBackend, z: TensorInfo): TensorInfo | undefined => {
  const normalised = backend.deferred(z, 'BatchNorm')?.inputs as Normalised | undefined;
  if (!normalised) return undefined;
  const { x, factors } = normalised;
  return backend.defer(z.shape, {
    kind: 'Relu',
    inputs: { x, factors, z },
    compute: () => compute(backend, { x, factors }, FORM.relu, x.shape),
  });
};

/** The maxima of windows of 2 x 2 that tile such a ReLU, if that is not computed yet. */
export const poolNormalised = (
  backend: OnnxRuntimeBackend,
  relu: TensorInfo,
  shape: readonly number[],
): TensorInfo | undefined => {
  const normalised = backend.deferred(relu, 'Relu')?.inputs as (Normalised & { z: TensorInfo }) | undefined;
  return normalised && compute(backend, normalised, FORM.pooled, shape);
};

/** The gradient that is in memory or cheapest to get: before max pooling and ReLU where they follow this normalisation. */
const sourceOf = (
  backend: OnnxRuntimeBackend,
  dz: TensorInfo,
  { x, factors }: Normalised,
): readonly [dy: TensorInfo, form: Form] => {
  const relu = backend.deferred(dz, 'ReluGrad')?.inputs;
  const normalised = relu && backend.deferred(relu['z']!, 'BatchNorm')?.inputs;
  if (normalised?.['x']?.dataId !== x.dataId || normalised['factors']?.dataId !== factors.dataId)
    return [dz, FORM.linear];
  const pooled = backend.deferred(relu!['dy']!, 'MaxPoolGrad')?.inputs;
  return pooled && isPositivePart(backend, pooled['x']!, relu!['z']!)
    ? [pooled['dy']!, FORM.pooled]
    : [relu!['dy']!, FORM.relu];
};

/**
 * The gradients of x, of the scale and of the offset (Ioffe and Szegedy, 2015): with g the gradient of z and n positions, that of x is
 * a (g - mean of g - (x - mean) / variance * mean of g (x - mean)).
 *
 * @param dz the gradient of the normalised tensor
 */
export const normalisedGradients = (
  backend: OnnxRuntimeBackend,
  dz: TensorInfo,
  normalised: Normalised,
): [dx: TensorInfo, dScale: TensorInfo, dOffset: TensorInfo] => {
  const { x, factors } = normalised;
  const channels = x.shape.at(-1)!;
  const count = sizeFromShape(x.shape) / channels;
  const [dy, form] = sourceOf(backend, dz, normalised);
  const { array, output, extent } = layoutOf(backend, x);
  const [size, known] = [extent(form === FORM.pooled ? dy.shape : x.shape), backend.values(factors)];
  const sums = parallelBatchNorm.gradientSums(backend.worker, [array(x), array(dy)], known, size, form);
  const [dScale, dOffset] = [backend.output([channels]), backend.output([channels])];
  const own = emptyFactors(channels);
  own.set(known.subarray(0, VARIANCE * channels));
  for (let c = 0; c < channels; c++) {
    const [sum, product] = [sums[c]!, sums[channels + c]!];
    const [a, inverse] = [known[c]!, known[INVERSE * channels + c]!];
    backend.values(dScale)[c] = product * inverse;
    backend.values(dOffset)[c] = sum;
    own[FACTOR_ROWS.k * channels + c] = (a * sum) / count;
    own[FACTOR_ROWS.l * channels + c] = (a * product * inverse * inverse) / count;
  }
  const dx = output(x.shape);
  parallelBatchNorm.gradient(backend.worker, [array(x), array(dy), array(dx)], own, size, form);
  return [dx, dScale, dOffset];
};
