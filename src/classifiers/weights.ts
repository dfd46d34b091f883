// Weights of linear SVMs from their dual coefficients, and their certificates.
import { type Matrix, rowOf } from '../matrix.js';
import { times, timesTransposed } from './product.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import { sideWeights } from './solver/solve.js';

/** W [classes, columns] = Σ y alpha x, in float32. */
export const weightsOf = (
  descriptors: Matrix,
  classes: readonly ClassLabels[],
  alphas: readonly Float64Array[],
  threads: number,
): Matrix => {
  const { rows } = descriptors;
  const coefficients = new Float32Array(classes.length * rows);
  classes.forEach(({ labels }, c) => {
    for (let i = 0; i < rows; i++) coefficients[c * rows + i] = labels[i]! * alphas[c]![i]!;
  });
  return times({ rows: classes.length, columns: rows, data: coefficients }, descriptors, threads);
};

/**
 * One class's weights, summed in float64: for coefficients so large that float32 sums are not accurate
 * enough.
 */
export const exactWeights = (descriptors: Matrix, labels: Int8Array, alpha: Float64Array): Float64Array => {
  const sum = new Float64Array(descriptors.columns);
  for (let i = 0; i < descriptors.rows; i++) {
    const a = alpha[i]! * labels[i]!;
    if (a === 0) continue;
    const x = rowOf(descriptors, i);
    for (let k = 0; k < sum.length; k++) sum[k]! += a * x[k]!;
  }
  return sum;
};

/** The inner product of each row with one class's weights, without the bias, summed in float64. */
export const exactValues = (descriptors: Matrix, weights: Float64Array): Float64Array => {
  const { rows, columns, data } = descriptors;
  return Float64Array.from({ length: rows }, (_, i) => {
    let [even, odd] = [0, 0];
    let at = i * columns;
    let k = 0;
    for (; k + 1 < columns; k += 2, at += 2) {
      even += data[at]! * weights[k]!;
      odd += data[at + 1]! * weights[k + 1]!;
    }
    return even + odd + (k < columns ? data[at]! * weights[k]! : 0);
  });
};

/** Inner products [rows, classes] of descriptors and weights, without the bias. */
export const products = (descriptors: Matrix, weights: Matrix, threads?: number): Matrix =>
  timesTransposed(descriptors, weights, threads);

/**
 * The certificate of the weights, from any solver: the primal objective at (w, b), and the dual objective at
 * alpha, for which w = Σ y alpha x.
 *
 * @param values the decision values without the bias of this class, one per row
 */
export const certify = (
  labels: Int8Array,
  values: Float32Array | Float64Array,
  bias: number,
  weights: Float32Array | Float64Array,
  alpha: Float64Array,
  C: number,
  settings: FullSettings,
  updates: number,
): Certificate => {
  const squared = settings.loss === 'squared-hinge';
  const sides = sideWeights(labels, settings.classWeight);
  let norm = settings.bias === 'augmented' ? (bias / settings.biasScale) ** 2 : 0;
  for (const w of weights) norm += w * w;
  let [losses, linear, penalty, supportVectors] = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const y = labels[i]!;
    if (y === 0) continue;
    const cost = C * (y > 0 ? sides.positive : sides.negative);
    const slack = Math.max(0, 1 - y * (values[i]! + bias));
    losses += cost * (squared ? slack * slack : slack);
    const a = alpha[i]!;
    if (a === 0) continue;
    linear += a;
    if (squared) penalty += (a * a) / (2 * cost);
    supportVectors++;
  }
  const primal = norm / 2 + losses;
  const dual = linear - (norm + penalty) / 2;
  const gap = primal > 0 ? Math.max(0, primal - dual) / primal : 0;
  return { primal, dual, gap, converged: gap <= settings.tolerance, supportVectors, updates };
};
