// Stochastic gradient descent with momentum and weight decay, as the paper's Caffe does it.
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Tf } from './forward.js';

/** The numbers of one update of one tensor. */
export interface Update {
  readonly learningRate: number;
  readonly momentum: number;
  /** L2 multiplier on the weights; 0 for biases. */
  readonly decay: number;
}

/**
 * velocity' = momentum * velocity - learningRate * (gradient + decay * weight); weight' = weight + velocity'.
 * The rate is inside the velocity (Caffe, Krizhevsky), so after a lower rate the old velocity still dies out slowly.
 *
 * @returns new tensors; the three given ones are left as they are
 */
export const sgdStep = (
  tf: Tf,
  weight: tfjs.Tensor,
  velocity: tfjs.Tensor,
  gradient: tfjs.Tensor,
  { learningRate, momentum, decay }: Update,
): { weight: tfjs.Tensor; velocity: tfjs.Tensor } =>
  tf.tidy(() => {
    const slope = decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));
    const next = tf.sub(tf.mul(velocity, momentum), tf.mul(slope, learningRate));
    return { weight: tf.add(weight, next), velocity: next };
  });
