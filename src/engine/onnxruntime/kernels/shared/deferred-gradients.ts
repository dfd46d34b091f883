// The gradients of ReLU and of max pooling, in one pass where they come together, as they do in VGG nets.
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../../shape.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import type { Extent } from '../../loops/loops.js';
import { tensorLoops } from '../../loops/parallel.js';

/** Whether these numbers are those of `z` where they are positive, and zero elsewhere. */
const isPositivePart = (backend: OnnxRuntimeBackend, x: TensorInfo, z: TensorInfo): boolean =>
  backend.facts(x).positivePartOf === backend.facts(z);

/** A tensor whose numbers are positive where those of `z` are: its positive part, if it is still there, since z may not be computed. */
const signsOf = (backend: OnnxRuntimeBackend, z: TensorInfo): TensorInfo => {
  const { positivePart } = backend.facts(z);
  const isThere =
    positivePart &&
    backend.data.has(positivePart.dataId) &&
    isPositivePart(backend, positivePart, z) &&
    isSameShape(positivePart.shape, z.shape);
  return isThere ? positivePart : z;
};

const extentOf = (shape: readonly number[], blockSize: number): Extent => {
  const [columns, channels] = [shape.at(-2) ?? 1, shape.at(-1)!];
  const rows = shape.at(-3) ?? 1;
  const images = util.sizeFromShape([...shape]) / (rows * columns * channels);
  const planes = blockSize > 0 ? channels / blockSize : 1;
  return { images, planes, rows, columns, channels: channels / planes };
};

/** Tensors as loops take them: all in the layout of the first, and a new one beside them. */
const together = (
  backend: OnnxRuntimeBackend,
  shape: readonly number[],
  first: TensorInfo,
  second: TensorInfo,
) => {
  const isBlocked = backend.blocksOf(first) !== undefined;
  const dx = isBlocked ? backend.outputInBlocks(shape) : backend.output(shape);
  const [x, y, target] = [first, second, dx].map((tensor) =>
    isBlocked ? backend.intoBlocks(tensor).view(util.sizeFromShape(tensor.shape)) : backend.values(tensor),
  ) as [Float32Array, Float32Array, Float32Array];
  return { dx, x, y, target, blockSize: isBlocked ? backend.capabilities.blockSize : 0 };
};

/** The gradient of max pooling by windows of 2 x 2 that tile x; `positive`: of pooling of ReLU of what x is the positive part of. */
const poolGradient = (
  backend: OnnxRuntimeBackend,
  input: TensorInfo,
  dy: TensorInfo,
  positive: boolean,
): TensorInfo => {
  const { dx, x, y, target, blockSize } = together(backend, input.shape, input, dy);
  const windows = extentOf(dy.shape, blockSize);
  backend.facts(dx).columnSums = tensorLoops.poolGradient(backend.helper, x, y, target, windows, positive);
  return dx;
};

/**
 * dy times the step function of z, which is how tfjs computes the gradient of ReLU: where `step` is that function and was put off. If dy
 * is the gradient of max pooling of ReLU of the same z and was put off too, both are one pass. The sums that a bias's gradient
 * needs are noted on the way.
 */
export const reluGradientOf = (
  backend: OnnxRuntimeBackend,
  dy: TensorInfo,
  step: TensorInfo,
): TensorInfo | undefined => {
  const z = backend.deferred(step, 'Step')?.inputs['x'];
  if (!z || !isSameShape(dy.shape, z.shape)) return undefined;
  const pooled = backend.deferred(dy, 'MaxPoolGrad')?.inputs;
  if (pooled && isPositivePart(backend, pooled['x']!, z))
    return poolGradient(backend, pooled['x']!, pooled['dy']!, true);
  const { dx, x, y, target, blockSize } = together(backend, z.shape, signsOf(backend, z), dy);
  backend.facts(dx).columnSums = tensorLoops.reluGradient(
    backend.helper,
    y,
    x,
    target,
    extentOf(z.shape, blockSize),
  );
  return dx;
};

/** The gradient of max pooling by windows of 2 x 2 that tile x; computed when it is read. */
export const deferPoolGradient = (backend: OnnxRuntimeBackend, x: TensorInfo, dy: TensorInfo): TensorInfo =>
  backend.defer(x.shape, {
    kind: 'MaxPoolGrad',
    inputs: { x, dy },
    compute: () => poolGradient(backend, x, dy, false),
  });
