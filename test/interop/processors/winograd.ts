// A convolution and its gradients by winograd filtering in a process of its own, so that it can be run on an emulated processor: prints JSON.
import '@tensorflow/tfjs-layers'; // Registers the gradients.
import * as tf from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../../../src/engine/onnxruntime/backend.js';
import { parallelWinograd } from '../../../src/engine/onnxruntime/winograd/parallel.js';
import { registerOnnxRuntimeBackend } from '../../../src/engine/onnxruntime/register.js';
import { Random } from '../../../src/random.js';
import { sizeFromShape } from '../../../src/shape.js';

/** What the run prints. */
export interface WinogradReport {
  readonly blockSize: number;
  /** Convolutions and filters' gradients that were computed by Winograd's algorithm. */
  readonly winograd: number;
  /** Some numbers of y and of the gradients of x and the filter. */
  readonly samples: readonly (readonly number[])[];
}

let winograd = 0;
const { convolution, filterGradient } = parallelWinograd;
parallelWinograd.convolution = (...args) => {
  winograd++;
  convolution(...args);
};
parallelWinograd.filterGradient = (...args) => {
  winograd++;
  filterGradient(...args);
};

registerOnnxRuntimeBackend(2);
await tf.setBackend('onnxruntime');
const random = new Random(1);
const normal = (shape: number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: sizeFromShape(shape) }, () => random.normal()),
    shape,
  );
const [x, filter, bias] = [normal([3, 15, 13, 64]), normal([3, 3, 64, 128]), normal([128])];
const layer = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
  tf.relu(
    tf.fused.conv2d({ x: a as tf.Tensor4D, filter: b as tf.Tensor4D, bias: bias, strides: 1, pad: 'same' }),
  );
const y = layer(x, filter);
const results = [y, ...tf.grads(layer)([x, filter], normal(y.shape))];
// Reading them computes what was put off.
const samples = results.map((tensor) => [...tensor.dataSync()].filter((_, i) => i % 97 === 0));
const report: WinogradReport = {
  blockSize: (tf.backend() as OnnxRuntimeBackend).nchwcBlock,
  winograd,
  samples,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
