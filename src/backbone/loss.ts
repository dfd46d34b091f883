// The training objective: cross-entropy on the class (multinomial logistic regression), and on the superclass if asked.
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Tf } from './forward.js';

/** How fc8's outputs divide into heads: the classes come first, then the superclasses. */
export interface Heads {
  readonly classes: number;
  readonly superclasses: number;
  /** Weight of the superclass's cross-entropy; the class's has weight 1. */
  readonly superclassWeight: number;
}

/** What an image should be recognised as: indices of its class and superclass. */
export interface Target {
  readonly label: number;
  readonly superlabel?: number | undefined;
}

const sumOfCrossEntropies = (tf: Tf, logits: tfjs.Tensor2D, labels: readonly number[]): tfjs.Scalar => {
  const [rows, columns] = logits.shape;
  const truth = new Float32Array(rows * columns);
  labels.forEach((label, row) => (truth[row * columns + label] = 1));
  return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), tf.tensor2d(truth, [rows, columns]))));
};

/**
 * Sum over the rows of cross-entropies, divided by `divisor`. With the size of the whole batch as divisor, the losses
 * (and gradients) of its parts add up to those of the batch.
 *
 * @param logits fc8's outputs [rows, classes + superclasses]
 * @returns a scalar; call inside `tf.tidy`
 */
export const trainingLoss = (
  tf: Tf,
  logits: tfjs.Tensor2D,
  targets: readonly Target[],
  { classes, superclasses, superclassWeight }: Heads,
  divisor: number,
): tfjs.Scalar => {
  const rows = targets.length;
  const head = (begin: number, size: number) =>
    superclasses === 0 ? logits : tf.slice(logits, [0, begin], [rows, size]);
  const onClass = sumOfCrossEntropies(
    tf,
    head(0, classes),
    targets.map(({ label }) => label),
  );
  if (superclasses === 0 || superclassWeight === 0) return tf.div(onClass, divisor);
  const onSuperclass = sumOfCrossEntropies(
    tf,
    head(classes, superclasses),
    targets.map(({ superlabel }) => superlabel as number),
  );
  return tf.div(tf.add(onClass, tf.mul(onSuperclass, superclassWeight)), divisor);
};

/**
 * How many rows have their class among the 1 and the 5 highest class scores. Of equal scores the earlier class ranks
 * first; a row with a score that is not a number is not counted.
 *
 * @param logits [rows, columns] as numbers, of which the first `classes` columns are class scores
 */
export const correctRows = (
  logits: Float32Array,
  columns: number,
  classes: number,
  targets: readonly Target[],
): { top1: number; top5: number } => {
  let [top1, top5] = [0, 0];
  targets.forEach(({ label }, row) => {
    const start = row * columns;
    const score = logits[start + label] as number;
    if (Number.isNaN(score)) return;
    let rank = 0;
    for (let k = 0; k < classes; k++) {
      const other = logits[start + k] as number;
      if (!(other <= score) || (other === score && k < label)) rank++;
    }
    if (rank < 1) top1++;
    if (rank < 5) top5++;
  });
  return { top1, top5 };
};
