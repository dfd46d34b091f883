// Batch normalisation by a batch's own moments (Ioffe and Szegedy, 2015) on any engine: in few passes where the backend can, by tfjs's
// operations elsewhere.
import * as tf from '@tensorflow/tfjs-core';
import { OnnxRuntimeBackend } from './onnxruntime/backend.js';
import { BatchNorm } from './onnxruntime/kernels/BatchNorm.js';
import { type Moments, momentsIn } from './onnxruntime/kernels/shared/batch-norm.js';
import { BatchNormGrad } from './onnxruntime/kernels/BatchNormGrad.js';
import { canLoop } from './onnxruntime/loops/module.js';

export type { Moments } from './onnxruntime/kernels/shared/batch-norm.js';

const MOMENT_AXES = [0, 1, 2];

tf.registerGradient({
  kernelName: BatchNorm,
  inputsToSave: ['x'],
  outputsToSave: [false, true],
  gradFunc: (dys, [x, factors]) => {
    const [dy] = dys as tf.Tensor[];
    const inputs = { dy: dy!, x: x!, factors: factors! };
    const [dx, scale, offset] = tf.engine().runKernel(BatchNormGrad, inputs) as unknown as tf.Tensor[];
    return { x: () => dx!, scale: () => scale!, offset: () => offset! };
  },
});

const native = (
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  epsilon: number,
  onMoments: (moments: Moments) => void,
): tf.Tensor4D => {
  const made = tf.engine().runKernel(BatchNorm, { x, scale, offset }, { epsilon });
  const [z, factors] = made as unknown as [tf.Tensor4D, tf.Tensor2D];
  onMoments(momentsIn(factors.dataSync<'float32'>(), x.shape[3]));
  return z;
};

/**
 * (x - mean) / sqrt(variance + epsilon) * scale + offset, by the mean and the variance of each channel over the batch and all positions.
 *
 * @param onMoments receives these
 * @returns a tensor that has gradients for x, scale and offset
 */
export const batchNorm = (
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  epsilon: number,
  onMoments: (moments: Moments) => void,
): tf.Tensor4D => {
  const tensors = [x, scale, offset];
  const isNative = tf.backend() instanceof OnnxRuntimeBackend && canLoop(x.shape[3]);
  if (isNative && tensors.every(({ dtype, size }) => dtype === 'float32' && size > 0))
    return native(x, scale, offset, epsilon, onMoments);
  // Of operations that every engine computes natively.
  const mean = tf.mean(x, MOMENT_AXES);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), MOMENT_AXES);
  onMoments({ mean: mean.dataSync<'float32'>(), variance: variance.dataSync<'float32'>() });
  const factor = tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(centred, factor), offset);
};
