// Stochastic gradient descent with momentum on any engine: in place where the backend can, by tfjs's operations elsewhere.
import * as tf from '@tensorflow/tfjs-core';
import { expected } from '../errors.js';
import { OnnxRuntimeBackend } from './onnxruntime/backend.js';
import { type MomentumStep, momentumStep } from './onnxruntime/momentum.js';
import { TorchBackend } from './torch/backend.js';
import { momentumStep as torchMomentumStep } from './torch/momentum.js';
import { isSameShape } from '../shape.js';

export type { MomentumStep } from './onnxruntime/momentum.js';

/**
 * velocity' = momentum * velocity - learningRate * (gradient + decay * weight); weight' = weight + velocity'.
 *
 * @param weight is used up: it may be overwritten or disposed, and must not be used afterwards
 * @param velocity likewise
 * @param gradient stays the caller's
 * @returns the new weight and velocity
 * @throws UsageError when the three shapes differ
 */
export const momentumUpdate = <R extends tf.Rank>(
  weight: tf.Tensor<R>,
  velocity: tf.Tensor<R>,
  gradient: tf.Tensor<R>,
  step: MomentumStep,
): { weight: tf.Tensor<R>; velocity: tf.Tensor<R> } => {
  for (const [name, { shape }] of Object.entries({ velocity, gradient }))
    if (!isSameShape(shape, weight.shape))
      throw expected(`shape [${weight.shape.join(', ')}]`, `the ${name} of an update`, shape);
  const backend = tf.backend();
  const canOverwrite =
    (backend instanceof OnnxRuntimeBackend || (backend instanceof TorchBackend && step.momentum > 0)) &&
    [weight, velocity, gradient].every(({ dtype, size }) => dtype === 'float32' && size > 0) &&
    [weight, velocity].every(({ dataId }) => backend.refCount(dataId) === 1) &&
    weight.dataId !== velocity.dataId;
  if (canOverwrite) {
    const move = backend instanceof TorchBackend ? torchMomentumStep : momentumStep;
    move(backend as TorchBackend & OnnxRuntimeBackend, weight, velocity, gradient, step);
    return { weight, velocity };
  }
  const { learningRate, momentum, decay } = step;
  const next = tf.tidy(() => {
    const slope = decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));
    const moved = tf.sub(tf.mul(velocity, momentum), tf.mul(slope, learningRate));
    return { weight: tf.add<tf.Tensor<R>>(weight, moved), velocity: moved as tf.Tensor<R> };
  });
  tf.dispose([weight, velocity]);
  return next;
};
