// The gradients of ReLU and of max pooling, in one pass where they come together, as they do in VGG nets.
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import { tensorLoops } from '../loops/loops.js';

/** Whether these numbers are those of `z` where they are positive, and zero elsewhere. */
const isPositivePart = (backend: OnnxRuntimeBackend, x: TensorInfo, z: TensorInfo): boolean =>
  backend.facts(x).positivePartOf === backend.facts(z);

/** Rows, columns and channels of max pooling's output. */
const windowsOf = ({ shape }: TensorInfo) => {
  const [batch, height, columns, channels] = shape as [number, number, number, number];
  return { rows: batch * height, columns, channels };
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
  if (!z || !util.arraysEqual(dy.shape, z.shape)) return undefined;
  const pooled = backend.deferred(dy, 'MaxPoolGrad')?.inputs;
  const dx = backend.output(z.shape);
  const target = backend.values(dx);
  if (pooled && isPositivePart(backend, pooled['x']!, z)) {
    const [x, gradient] = [pooled['x']!, pooled['dy']!];
    const [values, windows] = [backend.values(x), windowsOf(gradient)];
    backend.facts(dx).columnSums = tensorLoops.poolGradient(
      values,
      backend.values(gradient),
      target,
      windows,
      true,
    );
  } else {
    const channels = z.shape.at(-1)!;
    backend.facts(dx).columnSums = tensorLoops.reluGradient(
      backend.values(dy),
      backend.values(z),
      target,
      channels,
    );
  }
  return dx;
};

/** The gradient of max pooling by windows of 2 x 2 that tile x; computed when it is read. */
export const deferPoolGradient = (backend: OnnxRuntimeBackend, x: TensorInfo, dy: TensorInfo): TensorInfo =>
  backend.defer(x.shape, {
    kind: 'MaxPoolGrad',
    inputs: { x, dy },
    compute: () => {
      const dx = backend.output(x.shape);
      const [values, target] = [backend.values(x), backend.values(dx)];
      backend.facts(dx).columnSums = tensorLoops.poolGradient(
        values,
        backend.values(dy),
        target,
        windowsOf(dy),
        false,
      );
      return dx;
    },
  });
