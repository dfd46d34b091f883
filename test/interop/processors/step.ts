// A tiny training run in a process of its own, so that it can be run on an emulated processor: prints JSON.
import '@tensorflow/tfjs-layers'; // Registers the gradients.
import * as tf from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../../../src/engine/onnxruntime/backend.js';
import { registerOnnxRuntimeBackend } from '../../../src/engine/onnxruntime/register.js';
import { momentumUpdate } from '../../../src/engine/momentum.js';
import { Random } from '../../../src/random.js';
import { sizeFromShape } from '../../../src/shape.js';

/** What the run prints. */
export interface StepReport {
  readonly blockSize: number;
  readonly losses: readonly number[];
  readonly weights: readonly number[];
}

registerOnnxRuntimeBackend(2);
await tf.setBackend('onnxruntime');
const random = new Random(1);
const normal = (shape: number[], scale: number): tf.Tensor => {
  const size = sizeFromShape(shape);
  return tf.tensor(
    Float32Array.from({ length: size }, () => scale * random.normal()),
    shape,
  );
};
let weights = [
  normal([3, 3, 3, 32], 0.3),
  normal([32], 0.1),
  normal([3, 3, 32, 32], 0.1),
  normal([512, 10], 0.1),
];
let velocities: tf.Tensor[] = weights.map((weight) => tf.zerosLike(weight));
const x = normal([2, 16, 16, 3], 1) as tf.Tensor4D;
const labels = tf.oneHot([3, 7], 10);
const lossOf = (...[w1, bias, w2, w3]: tf.Tensor[]): tf.Scalar => {
  const first = tf.fused.conv2d({ x, filter: w1 as tf.Tensor4D, bias: bias!, strides: 1, pad: 'same' });
  const second = tf.conv2d(tf.maxPool(tf.relu(first), 2, 2, 'valid'), w2 as tf.Tensor4D, 1, 'same');
  const pooled = tf.maxPool(tf.relu(second), 2, 2, 'valid');
  const logits = tf.matMul(tf.reshape(pooled, [2, 512]), w3 as tf.Tensor2D);
  return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), labels), -1)));
};
const losses: number[] = [];
for (let i = 0; i < 3; i++) {
  const { value, grads } = tf.valueAndGrads(lossOf)(weights);
  losses.push(value.dataSync()[0]!);
  const step = { learningRate: 0.002, momentum: 0.9, decay: 1e-3 };
  const next = weights.map((weight, k) => momentumUpdate(weight, velocities[k]!, grads[k]!, step));
  weights = next.map(({ weight }) => weight);
  velocities = next.map(({ velocity }) => velocity);
}
const report: StepReport = {
  blockSize: (tf.backend() as OnnxRuntimeBackend).nchwcBlock,
  losses,
  weights: [...weights[2]!.dataSync().slice(0, 200)],
};
process.stdout.write(`${JSON.stringify(report)}\n`);
