// The numbers of a net in training: weights, velocities, running moments of batch normalisation, and averages. What steps make of them,
// and what of them is stored.
import type * as tfjs from '@tensorflow/tfjs-core';
import { blend } from '../../engine/blend.js';
import { momentumUpdate } from '../../engine/momentum.js';
import { VerydeepError, option, text } from '../../errors.js';
import type { SafetensorsEntry } from '../../formats/safetensors.js';
import { type Architecture, weightShapes } from '../nets/architecture.js';
import {
  type RunningMoments,
  afterBatch,
  firstMoments,
  foldFactors,
  foldedNet,
  momentsBetween,
  normalisedLayersOf,
  scaleOf,
} from '../nets/batch-norm.js';
import type { Tf } from '../nets/forward.js';
import { tensorsOf, tfShape, toFileLayout, toTfLayout } from '../nets/layout.js';

/** Returns a tensor in a backbone file's layout. */
export type Source = (name: string) => Float32Array | Promise<Float32Array>;

/** Returns a tensor of a checkpoint by its name there, in a backbone file's layout; undefined where there is none. */
export type StoredTensors = (name: string) => Promise<Float32Array | undefined>;

/** Learning rate and decay of one update. */
export interface UpdateOptions {
  readonly learningRate: number;
  readonly momentum: number;
  /** On weights; biases and the scales of batch normalisation are not decayed. */
  readonly weightDecay: number;
}

/** The moments of a batch normalisation over `count` positions. */
export interface ObservedMoments extends RunningMoments {
  readonly layer: string;
  readonly count: number;
}

/** A tensor that training may change. */
interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Between the layouts of backbone files and of tfjs. */
  readonly toTf: (data: Float32Array) => Float32Array;
  readonly toFile: (data: Float32Array) => Float32Array;
}

const same = (data: Float32Array): Float32Array => data;

const parametersOf = (net: Architecture): Parameter[] => [
  ...tensorsOf(net).map(({ name, layer, bias }): Parameter =>
    bias
      ? { name, shape: [layer.outputs], toTf: same, toFile: same }
      : {
          ...{ name, shape: tfShape(layer) },
          toTf: (data) => toTfLayout(layer, data),
          toFile: (data) => toFileLayout(layer, data),
        },
  ),
  ...normalisedLayersOf(net).map((layer): Parameter => ({
    ...{ name: scaleOf(layer), shape: [layer.outputs], toTf: same, toFile: same },
  })),
];

const VELOCITY = 'velocity.';
const AVERAGE = 'average.';
const momentNames = (prefix: string, layer: string) =>
  [`${prefix}${layer}.mean`, `${prefix}${layer}.variance`] as const;

/** The caller disposes it. */
export class Parameters {
  readonly #tf: Tf;
  readonly #net: Architecture;
  readonly #factors: ReadonlyMap<string, number>;
  readonly #all: ReadonlyMap<string, Parameter>;
  /** Current weights, biases and scales by name, in tfjs's layout. */
  readonly weights = new Map<string, tfjs.Tensor>();
  readonly #velocities = new Map<string, tfjs.Tensor>();
  readonly #running = new Map<string, RunningMoments>();
  /** The averages of trainable tensors, and of running moments; empty until weights enter. */
  readonly #average = new Map<string, tfjs.Tensor>();
  readonly #averageRunning = new Map<string, RunningMoments>();

  private constructor(tf: Tf, net: Architecture, factors: ReadonlyMap<string, number>) {
    this.#tf = tf;
    this.#net = net;
    this.#factors = factors;
    this.#all = new Map(parametersOf(net).map((parameter) => [parameter.name, parameter]));
  }

  /**
   * @param factors learning-rate factors by tensor name (`fc8.weight`); 1 where missing, 0 freezes
   * @param initial initial weights, biases and scales
   * @param stored the tensors of a checkpoint: they come before the initial ones
   */
  static async create(
    tf: Tf,
    net: Architecture,
    factors: ReadonlyMap<string, number>,
    initial: Source,
    stored: StoredTensors = () => Promise.resolve(undefined),
  ): Promise<Parameters> {
    const made = new Parameters(tf, net, factors);
    for (const { name, shape, toTf } of made.#all.values()) {
      made.weights.set(name, tf.tensor(toTf((await stored(name)) ?? (await initial(name))), [...shape]));
      if (factors.get(name) === 0) continue;
      const velocity = await stored(`${VELOCITY}${name}`);
      made.#velocities.set(name, velocity ? tf.tensor(toTf(velocity), [...shape]) : tf.zeros([...shape]));
      const average = await stored(`${AVERAGE}${name}`);
      if (average) made.#average.set(name, tf.tensor(toTf(average), [...shape]));
    }
    const moments = async (prefix: string, layer: string): Promise<RunningMoments | undefined> => {
      const [mean, variance] = await Promise.all(momentNames(prefix, layer).map(stored));
      return mean && variance && { mean, variance };
    };
    for (const { name, outputs } of normalisedLayersOf(net)) {
      made.#running.set(name, (await moments('', name)) ?? firstMoments(outputs));
      const average = await moments(AVERAGE, name);
      if (average) made.#averageRunning.set(name, average);
    }
    return made;
  }

  /** Names of the trainable tensors. */
  get trainable(): string[] {
    return [...this.#velocities.keys()];
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
        decay: name.endsWith('.weight') ? weightDecay : 0,
      });
      this.weights.set(name, next.weight);
      this.#velocities.set(name, next.velocity);
    }
  }

  /** Moves the running moments by those of a part of a batch. */
  observe(all: readonly ObservedMoments[]): void {
    for (const { layer, count, ...moments } of all)
      this.#running.set(layer, afterBatch(this.#running.get(layer)!, moments, count));
  }

  /** Moves the average towards the current weights and running moments; a rate of 1 makes them the average. */
  average(rate: number): void {
    for (const name of this.trainable) {
      const [average, weight] = [this.#average.get(name), this.weights.get(name)!];
      this.#average.set(name, average ? blend(average, weight, rate) : this.#tf.add(weight, 0));
    }
    for (const [name, now] of this.#running) {
      const before = this.#averageRunning.get(name);
      this.#averageRunning.set(name, before ? momentsBetween(before, now, rate) : now);
    }
  }

  /**
   * The tensors with which images are classified, by their names in backbone files: of the average, if there is one, with batch
   * normalisation folded. The caller disposes them.
   */
  async final(): Promise<Map<string, tfjs.Tensor>> {
    const made = new Map<string, tfjs.Tensor>();
    const best = (name: string): tfjs.Tensor => this.#average.get(name) ?? this.weights.get(name)!;
    for (const name of weightShapes(foldedNet(this.#net)).keys()) made.set(name, this.#tf.clone(best(name)));
    for (const layer of normalisedLayersOf(this.#net)) {
      const [weightName, biasName] = [`${layer.name}.weight`, `${layer.name}.bias`];
      const [weight, shift] = [made.get(weightName)!, made.get(biasName)!];
      const scale = await best(scaleOf(layer)).data<'float32'>();
      const running = this.#averageRunning.get(layer.name) ?? this.#running.get(layer.name)!;
      const { factors, bias } = foldFactors(running, scale, await shift.data<'float32'>());
      made.set(
        weightName,
        this.#tf.tidy(() => this.#tf.mul(weight, this.#tf.tensor1d(factors))),
      );
      made.set(biasName, this.#tf.tensor1d(bias));
      this.#tf.dispose([weight, shift]);
    }
    return made;
  }

  /**
   * A tensor in a backbone file's layout.
   *
   * @throws VerydeepError when it holds numbers that are not finite
   */
  async toFile(name: string, tensor: tfjs.Tensor): Promise<Float32Array> {
    const data = await tensor.data<'float32'>();
    if (!data.every(Number.isFinite)) {
      throw new VerydeepError(
        text`The weights ${name} are no longer finite: training diverged. Lower ${option('learningRate')} and continue from the last checkpoint with ${option('resume')}.`,
      );
    }
    return this.#all.get(name)!.toFile(data);
  }

  /** All that a checkpoint stores, for {@link StoredTensors}. */
  entries(): SafetensorsEntry[] {
    const shapes = weightShapes(this.#net);
    const shapeOf = (name: string): readonly number[] => shapes.get(name) ?? this.#all.get(name)!.shape;
    const entry = (prefix: string, name: string, tensor: tfjs.Tensor): SafetensorsEntry => ({
      ...{ name: `${prefix}${name}`, shape: shapeOf(name), data: () => this.toFile(name, tensor) },
    });
    const moments = (prefix: string, of: ReadonlyMap<string, RunningMoments>): SafetensorsEntry[] =>
      [...of].flatMap(([layer, { mean, variance }]) =>
        momentNames(prefix, layer).map((name, i) => {
          const data = [mean, variance][i]!;
          return { name, shape: [data.length], data: () => [data] };
        }),
      );
    return [
      ...[...this.weights].map(([name, tensor]) => entry('', name, tensor)),
      ...[...this.#velocities].map(([name, tensor]) => entry(VELOCITY, name, tensor)),
      ...moments('', this.#running),
      ...[...this.#average].map(([name, tensor]) => entry(AVERAGE, name, tensor)),
      ...moments(AVERAGE, this.#averageRunning),
    ];
  }

  dispose(): void {
    for (const tensors of [this.weights, this.#velocities, this.#average]) {
      this.#tf.dispose([...tensors.values()]);
      tensors.clear();
    }
  }
}
