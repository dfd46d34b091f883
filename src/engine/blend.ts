// Moves a tensor towards another on any engine: in place where the backend can, by tfjs's operations elsewhere.
import * as tf from '@tensorflow/tfjs-core';
import { OnnxRuntimeBackend } from './onnxruntime/backend.js';
import { blendInPlace } from './onnxruntime/blend.js';

/**
 * target + rate * (source - target).
 *
 * @param target is used up: it may be overwritten or disposed, and must not be used afterwards
 * @param source of the same shape; stays the caller's
 */
export const blend = (target: tf.Tensor, source: tf.Tensor, rate: number): tf.Tensor => {
  const backend = tf.backend();
  const canOverwrite =
    backend instanceof OnnxRuntimeBackend &&
    [target, source].every(({ dtype, size }) => dtype === 'float32' && size > 0) &&
    backend.refCount(target.dataId) === 1;
  if (canOverwrite) {
    blendInPlace(backend, target, source, rate);
    return target;
  }
  const next = tf.tidy(() => tf.add(target, tf.mul(tf.sub(source, target), rate)));
  target.dispose();
  return next;
};
