// What the backend's tests share: the same function on tfjs-cpu and on the backend, and comparison of the results.
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // Registers the gradients.
import '@tensorflow/tfjs-backend-cpu';
import { registerOnnxRuntimeBackend } from '../../../src/engine/onnxruntime/register.js';
import { Random } from '../../../src/random.js';
import { sizeFromShape } from '../../../src/shape.js';

registerOnnxRuntimeBackend(2);

/** Normal numbers in a tensor of the current backend. */
export const normal = (shape: readonly number[], seed: number): tf.Tensor => {
  const random = new Random(seed);
  const data = Float32Array.from({ length: sizeFromShape(shape) }, () => random.normal());
  return tf.tensor(data, [...shape], 'float32');
};

export interface Result {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: Float32Array;
}

/** Runs `compute` on a backend and reads its results. */
export const on = async (backend: string, compute: () => tf.Tensor | tf.Tensor[]): Promise<Result[]> => {
  await tf.setBackend(backend);
  const tensors = [tf.tidy(compute)].flat();
  const results = tensors.map(({ shape, dtype }, i) => ({
    shape,
    dtype,
    data: Float32Array.from(tensors[i]!.dataSync()),
  }));
  tensors.forEach((tensor) => tensor.dispose());
  return results;
};

/** The largest difference, relative to the largest magnitude; a NaN matches only a NaN. */
export const difference = (a: Result, b: Result): number => {
  assert.deepEqual(a.shape, b.shape);
  assert.equal(a.dtype, b.dtype);
  assert.equal(a.data.length, b.data.length);
  let [largest, scale] = [0, 1e-30];
  a.data.forEach((x, i) => {
    const y = b.data[i]!;
    if (Object.is(x, y) || x === y) return;
    const d = Math.abs(x - y);
    largest = Number.isNaN(d) ? Infinity : Math.max(largest, d);
  });
  for (const y of b.data) if (Number.isFinite(y)) scale = Math.max(scale, Math.abs(y));
  return largest / scale;
};

/** Asserts that both backends agree on all results of `compute`. */
export const agree = async (
  compute: () => tf.Tensor | tf.Tensor[],
  tolerance = 1e-5,
  label = '',
): Promise<void> => {
  const reference = await on('cpu', compute);
  const ours = await on('onnxruntime', compute);
  ours.forEach((result, i) => {
    const d = difference(result, reference[i]!);
    assert.ok(d <= tolerance, `${label} result ${i} differs by ${d}`);
  });
};

export { tf };
