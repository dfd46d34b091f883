// Weights that tell of their gradients during the backward pass: as soon as a layer's are computed, not when all are.
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Tf, Weights } from './forward.js';

/** Called with the gradient of a weight; it must not dispose or keep it. */
export type OnGradient = (name: string, gradient: tfjs.Tensor) => void;

/** The weights of one forward pass. */
export class AnnouncedWeights extends Map<string, tfjs.Tensor> {
  readonly #tf: Tf;
  readonly #onGradient: OnGradient;
  readonly #trained: ReadonlySet<string>;

  constructor(tf: Tf, weights: Weights, trained: readonly string[], onGradient: OnGradient) {
    super(weights);
    this.#tf = tf;
    this.#onGradient = onGradient;
    this.#trained = new Set(trained);
  }

  /** The weight, as the result of an operation that stands before its layer: the backward pass reaches it right after the layer. */
  override get(name: string): tfjs.Tensor | undefined {
    const weight = super.get(name);
    if (!weight || !this.#trained.has(name)) return weight;
    const announce = this.#tf.customGrad((x) => ({
      value: this.#tf.clone(x as tfjs.Tensor),
      gradFunc: (gradient: tfjs.Tensor) => {
        this.#onGradient(name, gradient);
        return gradient;
      },
    }));
    return announce(weight);
  }
}
