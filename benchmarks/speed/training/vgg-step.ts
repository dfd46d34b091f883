// A training step of a VGG net of any size with tfjs operations, and its number of floating-point operations.
import type * as tfjs from '@tensorflow/tfjs-core';
import { type Config, architecture, layersOf } from '../../../src/backbone/nets/architecture.js';
import type { MomentumStep } from '../../../src/engine/momentum.js';
import { Random } from '../../../src/random.js';
import { sizeFromShape } from '../../../src/shape.js';

type Tf = typeof tfjs;

/** A net and batch to time. The input may have any size that five poolings leave non-empty. */
export interface StepCase {
  readonly name: string;
  readonly config: Config;
  readonly width: number;
  readonly inputSize: number;
  readonly fullyConnected: number;
  readonly outputs: number;
  readonly batch: number;
  /** Warm-up steps. V8 compiles functions after some hundred calls, which matters for short steps. */
  readonly warmUp: number;
}

/** A layer, from which our step and PyTorch's are built. */
export type StepLayer =
  | { readonly kind: 'conv'; readonly kernel: number; readonly inputs: number; readonly outputs: number }
  | { readonly kind: 'pool' }
  | { readonly kind: 'dense'; readonly inputs: number; readonly outputs: number };

/** The layers, from the architecture table. ReLU follows all but the last. */
export const stepLayers = ({ config, width, inputSize, fullyConnected, outputs }: StepCase): StepLayer[] => {
  const layers: StepLayer[] = [];
  let [side, channels] = [inputSize, 3];
  for (const layer of layersOf(architecture({ config, width }))) {
    if (layer.kind === 'conv') {
      layers.push({ kind: 'conv', kernel: layer.kernel, inputs: layer.inputs, outputs: layer.outputs });
      channels = layer.outputs;
    } else if (layer.kind === 'pool') {
      layers.push({ kind: 'pool' });
      side = Math.floor(side / 2);
    }
  }
  const units = [side * side * channels, fullyConnected, fullyConnected, outputs];
  for (let i = 0; i < 3; i++) layers.push({ kind: 'dense', inputs: units[i]!, outputs: units[i + 1]! });
  return layers;
};

/** GFLOP of a forward pass and of a training step, without the gradient of the pixels. */
export const stepArithmetic = (which: StepCase): { forward: number; training: number } => {
  let side = which.inputSize;
  let [forward, first] = [0, 0];
  for (const layer of stepLayers(which)) {
    if (layer.kind === 'pool') side = Math.floor(side / 2);
    else {
      const positions = layer.kind === 'conv' ? side * side * layer.kernel ** 2 : 1;
      const flops = 2 * which.batch * positions * layer.inputs * layer.outputs;
      first ||= flops;
      forward += flops;
    }
  }
  return { forward: forward / 1e9, training: (3 * forward - first) / 1e9 };
};

interface Parameter {
  value: tfjs.Tensor;
  velocity: tfjs.Tensor;
}

/** The momentum update: in place, or with operations. */
type Update = (
  weight: tfjs.Tensor,
  velocity: tfjs.Tensor,
  gradient: tfjs.Tensor,
  step: MomentumStep,
) => { weight: tfjs.Tensor; velocity: tfjs.Tensor };

const sgd: MomentumStep = { learningRate: 1e-3, momentum: 0.9, decay: 5e-4 };

/** A net with random weights (He), trained on one random batch. */
export class VggStep {
  readonly #tf: Tf;
  readonly #layers: StepLayer[];
  readonly #parameters: Parameter[] = [];
  readonly #x: tfjs.Tensor4D;
  readonly #labels: tfjs.Tensor2D;

  constructor(tf: Tf, which: StepCase) {
    this.#tf = tf;
    this.#layers = stepLayers(which);
    const random = new Random(1);
    const uniform = (shape: number[], bound: number): tfjs.Tensor => {
      const size = sizeFromShape(shape);
      return tf.tensor(
        Float32Array.from({ length: size }, () => (random.uniform() * 2 - 1) * bound),
        shape,
      );
    };
    for (const layer of this.#layers) {
      if (layer.kind === 'pool') continue;
      const { inputs, outputs } = layer;
      const kernel = layer.kind === 'conv' ? layer.kernel : 1;
      const shape = layer.kind === 'conv' ? [kernel, kernel, inputs, outputs] : [inputs, outputs];
      const weight = uniform(shape, Math.sqrt(6 / (kernel * kernel * inputs)));
      this.#parameters.push({ value: weight, velocity: tf.zeros(shape) });
      this.#parameters.push({ value: tf.zeros([outputs]), velocity: tf.zeros([outputs]) });
    }
    this.#x = uniform([which.batch, which.inputSize, which.inputSize, 3], 1) as tfjs.Tensor4D;
    const labels = Array.from({ length: which.batch }, (_, i) => i % which.outputs);
    this.#labels = tf.oneHot(labels, which.outputs) as tfjs.Tensor2D;
  }

  #scores(values: readonly tfjs.Tensor[]): tfjs.Tensor2D {
    const tf = this.#tf;
    let map = this.#x;
    let units: tfjs.Tensor2D | undefined;
    let next = 0;
    for (const [i, layer] of this.#layers.entries()) {
      if (layer.kind === 'pool') {
        map = tf.maxPool(map, 2, 2, 'valid');
        continue;
      }
      const [weight, bias] = [values[next++]!, values[next++]!];
      if (layer.kind === 'conv') {
        map = tf.relu(
          tf.fused.conv2d({ x: map, filter: weight as tfjs.Tensor4D, bias, strides: 1, pad: 'same' }),
        );
      } else {
        const a: tfjs.Tensor2D = units ?? tf.reshape(map, [map.shape[0], -1]);
        units = tf.fused.matMul({ a, b: weight, bias }) as tfjs.Tensor2D;
        if (i < this.#layers.length - 1) units = tf.relu(units);
      }
    }
    return units!;
  }

  /** Forward pass; reads one number, to wait for its end. */
  forward(): number {
    const tf = this.#tf;
    return tf.tidy(() => tf.sum(this.#scores(this.#parameters.map(({ value }) => value)))).dataSync()[0]!;
  }

  /** Forward, backward and update; returns the loss. */
  train(update: Update): number {
    const tf = this.#tf;
    const lossOf = (...values: tfjs.Tensor[]): tfjs.Scalar =>
      tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(this.#scores(values)), this.#labels), -1)));
    const { value, grads } = tf.valueAndGrads(lossOf)(this.#parameters.map((parameter) => parameter.value));
    this.#parameters.forEach((parameter, i) => {
      const next = update(parameter.value, parameter.velocity, grads[i]!, sgd);
      [parameter.value, parameter.velocity] = [next.weight, next.velocity];
    });
    const [loss] = value.dataSync();
    tf.dispose([value, ...grads]);
    return loss!;
  }

  dispose(): void {
    this.#tf.dispose([this.#x, this.#labels, ...this.#parameters.flatMap((p) => [p.value, p.velocity])]);
  }
}
