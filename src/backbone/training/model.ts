// A net in training: the gradients of a batch, and how images are classified.
import type * as tfjs from '@tensorflow/tfjs-core';
import { AnnouncedWeights, type OnGradient } from '../nets/announced-weights.js';
import type { Architecture } from '../nets/architecture.js';
import { foldedNet } from '../nets/batch-norm.js';
import { type Dropout, type OnMoments, type Tf, type Weights, forward } from '../nets/forward.js';
import type { Heads, SoftTargets, Target } from './loss.js';
import { type Counts, type Objective, objectiveOf } from './objective.js';
import {
  type ObservedMoments,
  Parameters,
  type Source,
  type StoredTensors,
  type UpdateOptions,
} from './parameters.js';

export type { Source } from './parameters.js';

/** The results of a part of a batch. */
interface PartResult {
  /** The part's share of the loss (its sum of cross-entropies over the batch size). */
  readonly loss: number;
  readonly counts: Counts;
  /** Gradients of the trainable tensors, by name; the caller disposes them. */
  readonly gradients: Map<string, tfjs.Tensor>;
  /** The moments of each batch normalisation, in order. */
  readonly moments: readonly ObservedMoments[];
}

/** A net on an engine. The caller disposes it. */
export class Model {
  readonly objective: Objective;

  private constructor(
    readonly tf: Tf,
    readonly net: Architecture,
    readonly heads: Heads,
    readonly parameters: Parameters,
  ) {
    this.objective = objectiveOf(heads);
  }

  /** For the arguments see {@link Parameters.create}. */
  static async create(
    tf: Tf,
    net: Architecture,
    heads: Heads,
    factors: ReadonlyMap<string, number>,
    initial: Source,
    stored?: StoredTensors,
  ): Promise<Model> {
    return new Model(tf, net, heads, await Parameters.create(tf, net, factors, initial, stored));
  }

  #input(pixels: Float32Array, rows: number): tfjs.Tensor4D {
    const { inputSize } = this.net;
    return this.tf.tensor4d(pixels, [rows, inputSize, inputSize, 3]);
  }

  /**
   * Loss, correct rows and gradients of a part of a batch. Batch normalisation is by the part's own moments.
   *
   * @param onGradient called with each tensor's gradient as soon as the backward pass has it
   */
  gradients(
    pixels: Float32Array,
    targets: readonly Target[],
    divisor: number,
    dropout: Dropout | undefined,
    teacher?: SoftTargets,
    onGradient?: OnGradient,
  ): PartResult {
    const { tf, net, objective, parameters } = this;
    const names = parameters.trainable;
    const x = this.#input(pixels, targets.length);
    let counts: Counts = {};
    // The scores are few: loss and gradient are computed from them in double precision, the same on every engine.
    const lossOf = tf.customGrad((...inputs) => {
      const logits = inputs[0] as tfjs.Tensor2D;
      const scores = logits.dataSync<'float32'>();
      const { loss, gradient } = objective.loss(scores, targets, divisor, teacher);
      counts = objective.counts(scores, targets);
      return { value: tf.scalar(loss), gradFunc: () => tf.tensor2d(gradient, logits.shape) };
    });
    const moments: ObservedMoments[] = [];
    const onMoments: OnMoments = ({ name }, { mean, variance }, count) =>
      void moments.push({ layer: name, mean, variance, count });
    const { value, grads } = tf.valueAndGrads((...tensors: tfjs.Tensor[]) => {
      const weights = new Map([
        ...parameters.weights,
        ...names.map((name, i) => [name, tensors[i]!] as const),
      ]);
      const announced = onGradient ? new AnnouncedWeights(tf, weights, names, onGradient) : weights;
      return lossOf(forward(tf, net, announced, x, { dropout, onMoments }));
    })(names.map((name) => parameters.weights.get(name)!));
    const loss = value.dataSync()[0]!;
    tf.dispose([x, value]);
    return { loss, counts, moments, gradients: new Map(names.map((name, i) => [name, grads[i]!])) };
  }

  /** Gives `use` a judge of batches: without dropout, with the net as a backbone file holds it. */
  async judging<T>(
    use: (counts: (pixels: Float32Array, targets: readonly Target[]) => Counts) => Promise<T>,
  ): Promise<T> {
    const weights = await this.parameters.final();
    try {
      return await use((pixels, targets) => this.#counts(weights, pixels, targets));
    } finally {
      this.tf.dispose([...weights.values()]);
    }
  }

  #counts(weights: Weights, pixels: Float32Array, targets: readonly Target[]): Counts {
    const { tf, net } = this;
    const scores = tf.tidy(() => forward(tf, foldedNet(net), weights, this.#input(pixels, targets.length)));
    const result = this.objective.counts(scores.dataSync<'float32'>(), targets);
    scores.dispose();
    return result;
  }

  /** Describes which layer's activations are the first not to be finite, or which are largest. */
  firstBadLayer(pixels: Float32Array, rows: number): string {
    const { tf, net, parameters } = this;
    let bad: string | undefined;
    let largest = { layer: '', mean: 0 };
    tf.tidy(() => {
      const visit = (layer: { readonly name: string }, output: tfjs.Tensor): void => {
        const mean = tf.mean(tf.abs(output)).dataSync()[0]!;
        if (!Number.isFinite(mean)) bad ??= layer.name;
        else if (mean > largest.mean) largest = { layer: layer.name, mean };
      };
      forward(tf, net, parameters.weights, this.#input(pixels, rows), { visit });
    });
    return bad === undefined
      ? `activations are largest in layer ${largest.layer} (mean magnitude ${largest.mean.toPrecision(3)})`
      : `layer ${bad} is the first whose activations are not finite`;
  }

  /** Updates the weights by the gradients. Does not dispose the gradients. */
  update(gradients: ReadonlyMap<string, tfjs.Tensor>, options: UpdateOptions): void {
    this.parameters.update(gradients, options);
  }

  /** Gives `use` a reader of the tensors of the net's backbone file. */
  async reading<T>(use: (read: (name: string) => Promise<Float32Array>) => Promise<T>): Promise<T> {
    const weights = await this.parameters.final();
    try {
      return await use((name) => this.parameters.toFile(name, weights.get(name)!));
    } finally {
      this.tf.dispose([...weights.values()]);
    }
  }

  dispose(): void {
    this.parameters.dispose();
  }
}
