// A trained set of one-vs-rest linear SVMs, and its decision values.
import { expected } from '../errors.js';
import type { Matrix } from '../matrix.js';
import type { Extraction } from './extraction.js';
import { type Voters, neighbourScores } from './knn.js';
import type { Bias, ClassifierName, Loss } from './options.js';
import type { Certificate } from './problem.js';
import { products } from './weights.js';

/** Platt's sigmoid: probability = 1 / (1 + exp(a · decision + b)). */
export interface Sigmoid {
  readonly a: number;
  readonly b: number;
}

/** The result of a solver. */
export interface Fit {
  /** The solver: "dual", "primal", "libsvm", or "l-bfgs" of logistic regression; "none" of nearest neighbours. */
  readonly solver: string;
  /** [classes, columns]; of nearest neighbours the training rows, of norm one. */
  readonly weights: Matrix;
  readonly biases: Float32Array;
  readonly certificates: readonly Certificate[];
  /** What votes, of nearest neighbours. */
  readonly voters?: Voters;
  /** Notes for the user: why this solver was chosen, what did not converge. */
  readonly notes: readonly string[];
}

/** One linear SVM per class on descriptors of one recipe. */
export interface LinearModel extends Fit {
  readonly classes: readonly string[];
  /** The kind of classifier; SVMs if missing. */
  readonly classifier?: Exclude<ClassifierName, 'svm'>;
  /** The C that each class was trained with; of nearest neighbours their number. */
  readonly C: readonly number[];
  readonly loss: Loss | 'logistic' | 'none';
  readonly bias: Bias | 'none';
  /** How decision values of logistic regression become probabilities: over all classes, or of each by itself. */
  readonly link?: 'softmax' | 'sigmoid';
  /** Hash of the descriptors' recipe; a store of another recipe is refused. */
  readonly recipe?: string;
  /** How the descriptors were computed, for describing new images in the same way. */
  readonly extraction?: Extraction;
  /** One sigmoid per class, if the model was calibrated. */
  readonly sigmoids?: readonly Sigmoid[];
}

/**
 * Decision values [rows, classes] = descriptors · weightsᵀ + bias; of nearest neighbours each class's share of the votes.
 *
 * @param recipe the hash of the descriptors' recipe, if known
 * @throws UsageError on another number of columns, or descriptors of another recipe than the model's
 */
export const decisionValues = (
  model: Pick<Fit, 'weights' | 'biases' | 'voters'> & Partial<Pick<LinearModel, 'recipe' | 'C'>>,
  descriptors: Matrix,
  recipe?: string,
): Matrix => {
  const { weights, biases } = model;
  if (recipe !== undefined && model.recipe !== undefined && recipe !== model.recipe) {
    throw expected(
      `descriptors of the recipe ${model.recipe}, which the model was trained on`,
      'the model',
      recipe,
      'Extract them with the same recipe and weights.',
    );
  }
  if (descriptors.columns !== weights.columns) {
    throw expected(`descriptors of ${weights.columns} numbers`, 'the model', descriptors.columns);
  }
  if (model.voters) return neighbourScores(descriptors, weights, model.voters, [model.C!])[0]!;
  const values = products(descriptors, weights);
  for (let i = 0; i < values.data.length; i++) values.data[i]! += biases[i % weights.rows]!;
  return values;
};
