// A net in training: its weights and velocities as tensors, gradients of a batch, and the update.
import type * as tfjs from '@tensorflow/tfjs-core';
import { momentumUpdate } from '../../engine/momentum.js';
import { VerydeepError, option, text } from '../../errors.js';
import { type Architecture, weightShapes } from '../nets/architecture.js';
import { type Dropout, type Tf, forward } from '../nets/forward.js';
import { tensorsOf, tfShape, toFileLayout, toTfLayout } from '../nets/layout.js';
import { type Heads, type Target, correctRows, trainingLoss } from './loss.js';

/** Returns a tensor of a backbone file, in the file's layout. */
export type Source = (name: string) => Float32Array | Promise<Float32Array>;

/** Learning rates and decay of one update; factors by tensor name, 0 freezes. */
interface UpdateOptions {
  readonly learningRate: number;
  readonly momentum: number;
  /** On weights; biases are not decayed. */
  readonly weightDecay: number;
}

/** The results of a part of a batch. */
interface PartResult {
  /** The part's share of the loss (its sum of cross-entropies over the batch size). */
  readonly loss: number;
  readonly top1: number;
  readonly top5: number;
  /** Gradients of the trainable tensors, by name; the caller disposes them. */
  readonly gradients: Map<string, tfjs.Tensor>;
}

const isFrozen = (factor: number | undefined): boolean => factor === 0;

/** Weights and velocities on an engine. The caller disposes it. */
export class Model {
  readonly tf: Tf;
  readonly net: Architecture;
  readonly heads: Heads;
  readonly #factors: ReadonlyMap<string, number>;
  readonly weights = new Map<string, tfjs.Tensor>();
  readonly #velocities = new Map<string, tfjs.Tensor>();

  private constructor(tf: Tf, net: Architecture, heads: Heads, factors: ReadonlyMap<string, number>) {
    this.tf = tf;
    this.net = net;
    this.heads = heads;
    this.#factors = factors;
  }

  /**
   * @param factors learning-rate factors by tensor name (`fc8.weight`); 1 where missing, 0 freezes @param
   * velocity reads the initial velocities; zero where missing
   */
  static async create(
    tf: Tf,
    net: Architecture,
    heads: Heads,
    factors: ReadonlyMap<string, number>,
    weight: Source,
    velocity?: Source,
  ): Promise<Model> {
    const model = new Model(tf, net, heads, factors);
    for (const { name, layer, bias } of tensorsOf(net)) {
      const load = async (source: Source) => {
        const data = await source(name);
        return tf.tensor(bias ? data : toTfLayout(layer, data), bias ? [layer.outputs] : tfShape(layer));
      };
      model.weights.set(name, await load(weight));
      if (isFrozen(factors.get(name))) continue;
      const still = () => tf.zeros(bias ? [layer.outputs] : tfShape(layer));
      model.#velocities.set(name, velocity ? await load(velocity) : still());
    }
    return model;
  }

  /** Names of the trainable tensors. */
  get trainable(): string[] {
    return [...this.#velocities.keys()];
  }

  /** Loss, correct rows and gradients of a part of a batch. */
  gradients(
    pixels: Float32Array,
    targets: readonly Target[],
    divisor: number,
    dropout: Dropout | undefined,
  ): PartResult {
    const { tf, net, heads } = this;
    const side = net.inputSize;
    const names = this.trainable;
    const x = tf.tensor4d(pixels, [targets.length, side, side, 3]);
    let correct = { top1: 0, top5: 0 };
    // The scores are few: loss and gradient are computed from them in double precision, the same on every engine.
    const lossOf = tf.customGrad((...inputs) => {
      const logits = inputs[0] as tfjs.Tensor2D;
      const scores = logits.dataSync<'float32'>();
      const { loss, gradient } = trainingLoss(scores, targets, heads, divisor);
      correct = correctRows(scores, net.outputs, heads.classes, targets);
      return { value: tf.scalar(loss), gradFunc: () => tf.tensor2d(gradient, logits.shape) };
    });
    const { value, grads } = tf.valueAndGrads((...tensors: tfjs.Tensor[]) => {
      const weights = new Map([...this.weights, ...names.map((name, i) => [name, tensors[i]!] as const)]);
      return lossOf(forward(tf, net, weights, x, { dropout }));
    })(names.map((name) => this.weights.get(name)!));
    const loss = value.dataSync()[0]!;
    tf.dispose([x, value]);
    return { loss, ...correct, gradients: new Map(names.map((name, i) => [name, grads[i]!])) };
  }

  /** How many images of a batch are classified correctly, without dropout. */
  correct(pixels: Float32Array, targets: readonly Target[]): { top1: number; top5: number } {
    const { tf, net, heads } = this;
    const scores = tf.tidy(() => {
      const x = tf.tensor4d(pixels, [targets.length, net.inputSize, net.inputSize, 3]);
      return forward(tf, net, this.weights, x);
    });
    const result = correctRows(scores.dataSync<'float32'>(), net.outputs, heads.classes, targets);
    scores.dispose();
    return result;
  }

  /** Describes which layer's activations are the first not to be finite, or which are largest. */
  firstBadLayer(pixels: Float32Array, rows: number): string {
    const { tf, net } = this;
    let bad: string | undefined;
    let largest = { layer: '', mean: 0 };
    tf.tidy(() => {
      const x = tf.tensor4d(pixels, [rows, net.inputSize, net.inputSize, 3]);
      const visit = (layer: { readonly name: string }, output: tfjs.Tensor): void => {
        const mean = tf.mean(tf.abs(output)).dataSync()[0]!;
        if (!Number.isFinite(mean)) bad ??= layer.name;
        else if (mean > largest.mean) largest = { layer: layer.name, mean };
      };
      forward(tf, net, this.weights, x, { visit });
    });
    return bad === undefined
      ? `activations are largest in layer ${largest.layer} (mean magnitude ${largest.mean.toPrecision(3)})`
      : `layer ${bad} is the first whose activations are not finite`;
  }

  /** Updates the weights by the gradients. Does not dispose the gradients. */
  update(
    gradients: ReadonlyMap<string, tfjs.Tensor>,
    { learningRate, momentum, weightDecay }: UpdateOptions,
  ): void {
    for (const [name, gradient] of gradients) {
      const [weight, velocity] = [this.weights.get(name)!, this.#velocities.get(name)!];
      const next = momentumUpdate(weight, velocity, gradient, {
        learningRate: learningRate * (this.#factors.get(name) ?? 1),
        momentum,
        decay: name.endsWith('.bias') ? 0 : weightDecay,
      });
      this.weights.set(name, next.weight);
      this.#velocities.set(name, next.velocity);
    }
  }

  /**
   * A tensor in a backbone file's layout.
   *
   * @throws VerydeepError when it holds numbers that are not finite
   */
  async read(name: string): Promise<Float32Array> {
    return this.#fileLayout(name, this.weights.get(name)!);
  }

  /** The velocity of a trainable tensor, in the same layout. */
  async readVelocity(name: string): Promise<Float32Array> {
    return this.#fileLayout(name, this.#velocities.get(name)!);
  }

  async #fileLayout(name: string, tensor: tfjs.Tensor): Promise<Float32Array> {
    const data = (await tensor.data()) as Float32Array;
    if (!data.every(Number.isFinite)) {
      throw new VerydeepError(
        text`The weights ${name} are no longer finite: training diverged. Lower ${option('learningRate')} and continue from the last checkpoint with ${option('resume')}.`,
      );
    }
    const entry = tensorsOf(this.net).find((each) => each.name === name)!;
    return entry.bias ? data : toFileLayout(entry.layer, data);
  }

  /** Shapes of a backbone file's tensors. */
  get shapes(): ReadonlyMap<string, readonly number[]> {
    return weightShapes(this.net);
  }

  dispose(): void {
    this.tf.dispose([...this.weights.values(), ...this.#velocities.values()]);
    this.weights.clear();
    this.#velocities.clear();
  }
}
