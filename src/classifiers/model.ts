// A trained set of one-vs-rest linear SVMs, and the decision values it gives.
import { expected } from '../errors.js';
import { type Matrix, rowOf } from '../matrix.js';
import type { Bias, Certificate, Loss } from './problem.js';

/** Platt's sigmoid: probability = 1 / (1 + exp(a · decision + b)). */
export interface Sigmoid {
  readonly a: number;
  readonly b: number;
}

/** One linear SVM a class over descriptors of one recipe. */
export interface LinearModel {
  readonly classes: readonly string[];
  /** [classes, columns] */
  readonly weights: Matrix;
  readonly biases: Float32Array;
  /** The C that each class was trained with. */
  readonly C: readonly number[];
  readonly loss: Loss;
  readonly bias: Bias;
  /** What solved it: "dual", "primal" or "libsvm". */
  readonly solver: string;
  readonly certificates: readonly Certificate[];
  /** Hash of the recipe that the descriptors were made by; a store of another recipe is refused. */
  readonly recipe?: string;
  /** One sigmoid a class, where the model was calibrated. */
  readonly sigmoids?: readonly Sigmoid[];
}

/** Decision values [rows, classes] = descriptors · weightsᵀ + bias; throws UsageError on another number of columns. */
export const decisionValues = async (model: LinearModel, descriptors: Matrix): Promise<Matrix> => {
  const { weights, biases } = model;
  if (descriptors.columns !== weights.columns) {
    throw expected(`descriptors of ${weights.columns} numbers`, 'the model', descriptors.columns);
  }
  await Promise.resolve();
  const data = new Float32Array(descriptors.rows * weights.rows);
  for (let i = 0; i < descriptors.rows; i++) {
    const x = rowOf(descriptors, i);
    for (let c = 0; c < weights.rows; c++) {
      const w = rowOf(weights, c);
      let sum = biases[c]!;
      for (let k = 0; k < x.length; k++) sum += x[k]! * w[k]!;
      data[i * weights.rows + c] = sum;
    }
  }
  return { rows: descriptors.rows, columns: weights.rows, data };
};
