// A larger net that teaches a smaller one (Hinton et al., 2015): its scores of the same crops are targets beside the labels.
import type * as tfjs from '@tensorflow/tfjs-core';
import { UsageError, expected, option, text } from '../../errors.js';
import type { Backbone, InputNormalisation } from '../nets/backbone.js';
import { loadWeights } from '../nets/dense-activations.js';
import { type Tf, type Weights, forward } from '../nets/forward.js';
import type { SoftTargets } from './loss.js';

/** How much the teacher counts. */
export interface TeachingOptions {
  readonly teacherWeight: number;
  readonly temperature: number;
}

/** Mean and standard deviation of an input in pixels (0-255), in red, green, blue. */
const inPixels = ({ order, scale, mean, std }: InputNormalisation) => {
  const rgb = (values: readonly number[]): number[] => {
    const inOrder = order === 'rgb' ? values : values.toReversed();
    return inOrder.map((value) => value / scale);
  };
  return { mean: rgb(mean), std: rgb(std) };
};

/**
 * The factors and summands with which an input of one normalisation becomes one of another, for each of its channels in the order of
 * `from`.
 */
export const betweenInputs = (
  from: InputNormalisation,
  to: InputNormalisation,
): { readonly factors: number[]; readonly summands: number[]; readonly reversed: boolean } => {
  const [a, b] = [inPixels(from), inPixels(to)];
  const inOrder = (values: number[]): number[] => (from.order === 'rgb' ? values : values.toReversed());
  return {
    factors: inOrder(a.std.map((std, c) => std / b.std[c]!)),
    summands: inOrder(a.mean.map((mean, c) => (mean - b.mean[c]!) / b.std[c]!)),
    reversed: from.order !== to.order,
  };
};

/**
 * Whether a net can teach another.
 *
 * @throws UsageError naming the file: other classes, or another input size
 */
export const checkTeacher = (teacher: Backbone, inputSize: number, classes: readonly string[]): void => {
  const { architecture, classes: known, boxes } = teacher.metadata;
  if (boxes) throw expected('a net of classes', option('teacher'), `${teacher.path}, which predicts boxes`);
  if (architecture.inputSize !== inputSize) {
    throw expected(
      `a net with an input of ${inputSize} pixels, as the net that it teaches`,
      option('teacher'),
      `${teacher.path} with ${architecture.inputSize}`,
    );
  }
  const isSame =
    known.length > 0 ? known.join('\n') === classes.join('\n') : architecture.outputs === classes.length;
  if (!isSame) {
    throw new UsageError(
      text`Expected the same classes in ${option('data')} as in the ${option('teacher')} ${teacher.path} (${known.length || architecture.outputs}) but received others (${classes.length}).`,
    );
  }
};

/** The caller disposes it. */
export class Teacher {
  readonly #tf: Tf;
  readonly #backbone: Backbone;
  readonly #weights: Weights;
  readonly #options: TeachingOptions;
  readonly #input: InputNormalisation;
  readonly #classes: number;

  private constructor(
    tf: Tf,
    backbone: Backbone,
    weights: Weights,
    options: TeachingOptions,
    input: InputNormalisation,
    classes: number,
  ) {
    this.#tf = tf;
    this.#backbone = backbone;
    this.#weights = weights;
    this.#options = options;
    this.#input = input;
    this.#classes = classes;
  }

  /**
   * @param input the normalisation of the crops that it is given
   * @param classes number of its first outputs that are classes
   */
  static async create(
    tf: Tf,
    backbone: Backbone,
    options: TeachingOptions,
    input: InputNormalisation,
    classes: number,
  ): Promise<Teacher> {
    return new Teacher(tf, backbone, await loadWeights(tf, backbone), options, input, classes);
  }

  /** Its targets for crops [rows, side, side, 3]. */
  targets(pixels: Float32Array, rows: number): SoftTargets {
    const tf = this.#tf;
    const { architecture: net, input } = this.#backbone.metadata;
    const { factors, summands, reversed } = betweenInputs(this.#input, input);
    const scores = tf.tidy(() => {
      const crops = tf.tensor4d(pixels, [rows, net.inputSize, net.inputSize, 3]);
      const own = tf.add(tf.mul(crops, tf.tensor1d(factors)), tf.tensor1d(summands));
      const x = (reversed ? tf.reverse(own, 3) : own) as tfjs.Tensor4D;
      const all = forward(tf, net, this.#weights, x);
      return tf.slice(all, [0, 0], [-1, this.#classes]).dataSync<'float32'>();
    });
    const { teacherWeight: weight, temperature } = this.#options;
    return { scores, weight, temperature };
  }

  dispose(): void {
    this.#tf.dispose([...this.#weights.values()]);
  }
}
