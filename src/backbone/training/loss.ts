// The training objective: cross-entropy on the class (multinomial logistic regression), and if asked on the superclass and on a teacher's
// soft targets.

import type { BoxNumbers, BoxOutputs } from '../nets/box-parameters.js';

/** The heads of fc8's outputs: first the classes, then the superclasses. */
export interface Heads {
  readonly classes: number;
  readonly superclasses: number;
  /** Weight of the superclass's cross-entropy; the class's has weight 1. */
  readonly superclassLoss: number;
  /** Share of each head's target that is spread evenly over its outputs (Szegedy et al., 2016); 0 where missing. */
  readonly labelSmoothing?: number;
  /** How the outputs are boxes instead, for localisation. */
  readonly boxes?: BoxOutputs;
}

/** A teacher's scores as targets of the class, beside the label (Hinton et al., 2015). */
export interface SoftTargets {
  /** [rows, classes], before soft-max. */
  readonly scores: Float32Array;
  /** Weight of the teacher, 0 to 1; the label's cross-entropy has the rest. */
  readonly weight: number;
  /** Divides both nets' scores before soft-max. */
  readonly temperature: number;
}

/** The target of an image: indices of its class and superclass. */
export interface Target {
  readonly label: number;
  readonly superlabel?: number | undefined;
  /** Standardised parameters of the true box, for localisation. */
  readonly box?: BoxNumbers;
}

/**
 * Weighted cross-entropy of one head of one row; writes its gradient to the head's elements, which begin at
 * `begin`. The target is 1 - smoothing at the label, and smoothing / size everywhere.
 */
const headLoss = (
  scores: Float32Array,
  gradient: Float32Array,
  begin: number,
  size: number,
  label: number,
  weight: number,
  smoothing: number,
): number => {
  const end = begin + size;
  let largest = -Infinity;
  for (let k = begin; k < end; k++) largest = Math.max(largest, scores[k]!);
  let sum = 0;
  for (let k = begin; k < end; k++) sum += Math.exp(scores[k]! - largest);
  const even = (weight * smoothing) / size;
  for (let k = begin; k < end; k++) gradient[k] = (weight * Math.exp(scores[k]! - largest)) / sum - even;
  gradient[begin + label]! -= weight * (1 - smoothing);
  const normaliser = Math.log(sum) + largest;
  if (smoothing === 0) return weight * (normaliser - scores[begin + label]!);
  let total = 0;
  for (let k = begin; k < end; k++) total += scores[k]!;
  return weight * (normaliser - (1 - smoothing) * scores[begin + label]!) - even * total;
};

/** Log soft-max of `size` scores from `begin` on, divided by a temperature. */
const logSoftmax = (scores: Float32Array, begin: number, size: number, temperature: number): Float64Array => {
  const row = Float64Array.from({ length: size }, (_, k) => scores[begin + k]! / temperature);
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const normaliser = Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0)) + largest;
  return row.map((x) => x - normaliser);
};

/**
 * The divergence (Kullback-Leibler's) of one row from the teacher's, times the squared temperature, so that gradients do not shrink with
 * it; adds its gradient to the head's elements, which begin at `begin`.
 */
const teacherLoss = (
  scores: Float32Array,
  gradient: Float32Array,
  begin: number,
  size: number,
  { scores: theirs, temperature }: SoftTargets,
  row: number,
  weight: number,
): number => {
  const own = logSoftmax(scores, begin, size, temperature);
  const wanted = logSoftmax(theirs, row * size, size, temperature);
  let loss = 0;
  for (let k = 0; k < size; k++) {
    const [q, p] = [Math.exp(own[k]!), Math.exp(wanted[k]!)];
    loss += p * (wanted[k]! - own[k]!);
    gradient[begin + k]! += weight * temperature * (q - p);
  }
  return weight * temperature ** 2 * loss;
};

/**
 * The loss and its gradient: the sum over rows of -log soft-max of the class, plus `superclassLoss` times the
 * same for the superclass (each head has a soft-max of its own), divided by `divisor`. With the size of the
 * whole batch as divisor, losses and gradients of its parts add up to those of the batch.
 *
 * @param scores fc8's outputs [rows, classes + superclasses]
 * @param teacher targets of the class besides the labels: they count by their weight, the labels by the rest
 * @returns the loss, and its derivative by each score in the same order
 */
export const trainingLoss = (
  scores: Float32Array,
  targets: readonly Target[],
  { classes, superclasses, superclassLoss, labelSmoothing = 0 }: Heads,
  divisor: number,
  teacher?: SoftTargets,
): { loss: number; gradient: Float32Array } => {
  const columns = classes + superclasses;
  const gradient = new Float32Array(scores.length);
  let loss = 0;
  targets.forEach(({ label, superlabel }, row) => {
    const begin = row * columns;
    const share = (1 - (teacher?.weight ?? 0)) / divisor;
    loss += headLoss(scores, gradient, begin, classes, label, share, labelSmoothing);
    if (teacher)
      loss += teacherLoss(scores, gradient, begin, classes, teacher, row, teacher.weight / divisor);
    if (superclassLoss > 0 && superlabel !== undefined) {
      const weight = superclassLoss / divisor;
      loss += headLoss(scores, gradient, begin + classes, superclasses, superlabel, weight, labelSmoothing);
    }
  });
  return { loss, gradient };
};

/**
 * Counts the rows whose class is among the 1 and the 5 highest class scores. Among equal scores the earlier
 * class ranks first; a row with a NaN score is not counted.
 *
 * @param scores [rows, columns], of which the first `classes` columns are class scores
 */
export const correctRows = (
  scores: Float32Array,
  columns: number,
  classes: number,
  targets: readonly Target[],
): { top1: number; top5: number } => {
  let [top1, top5] = [0, 0];
  targets.forEach(({ label }, row) => {
    const start = row * columns;
    const score = scores[start + label]!;
    if (Number.isNaN(score)) return;
    let rank = 0;
    for (let k = 0; k < classes && rank < 5; k++) {
      const other = scores[start + k]!;
      if (!(other <= score) || (other === score && k < label)) rank++;
    }
    if (rank < 1) top1++;
    if (rank < 5) top5++;
  });
  return { top1, top5 };
};
