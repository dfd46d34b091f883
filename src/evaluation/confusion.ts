// Measures of single-label predictions: confusion matrix, recall of each class, mean class recall, accuracy.
import { expected } from '../errors.js';

/** Counts of test items by true class (rows) and predicted class (columns); the last column counts items without a prediction. */
export interface Confusion {
  readonly classes: number;
  /** `counts[truth * (classes + 1) + predicted]`. */
  readonly counts: Uint32Array;
}

/**
 * Counts predictions by true and predicted class.
 *
 * @param truth the class index of each item
 * @param predicted the predicted class index of each item; -1 for an item without a prediction, which is
 * never right
 * @param classes number of classes @throws UsageError when the lengths differ or an index is out of range
 */
export const confusionMatrix = (
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): Confusion => {
  if (truth.length !== predicted.length) {
    throw expected(`${truth.length} predictions, one an item`, 'predicted', predicted.length);
  }
  const counts = new Uint32Array(classes * (classes + 1));
  for (let i = 0; i < truth.length; i++) {
    const [row, column] = [truth[i]!, predicted[i]!];
    if (!(Number.isInteger(row) && row >= 0 && row < classes)) {
      throw expected(`a class index below ${classes}`, `the true class of item ${i}`, row);
    }
    if (!(Number.isInteger(column) && column >= -1 && column < classes)) {
      throw expected(`a class index below ${classes}, or -1`, `the predicted class of item ${i}`, column);
    }
    counts[row * (classes + 1) + (column < 0 ? classes : column)]!++;
  }
  return { classes, counts };
};

/** Number of items of class `truth` predicted as `predicted` (`classes`: without a prediction). */
export const countOf = ({ classes, counts }: Confusion, truth: number, predicted: number): number =>
  counts[truth * (classes + 1) + predicted] ?? 0;

/** Number of items of each true class. */
export const classSizes = ({ classes, counts }: Confusion): Uint32Array =>
  Uint32Array.from({ length: classes }, (_, c) =>
    counts.subarray(c * (classes + 1), (c + 1) * (classes + 1)).reduce((sum, n) => sum + n, 0),
  );

/**
 * The share of each class's items that were predicted correctly, in [0, 1]; NaN for a class without items.
 */
export const classRecalls = (confusion: Confusion): Float64Array =>
  Float64Array.from(classSizes(confusion), (size, c) => countOf(confusion, c, c) / size);

/**
 * Mean class recall, in [0, 1]: all classes have the same weight (the measure of the Caltech sets, appendix
 * B). Classes without items are left out; NaN if there are no items.
 */
export const meanClassRecall = (confusion: Confusion): number => {
  const recalls = classRecalls(confusion).filter((recall) => !Number.isNaN(recall));
  return recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
};

/** The share of all items that were predicted correctly, in [0, 1]; NaN if there are none. */
export const accuracy = (confusion: Confusion): number => {
  let right = 0;
  for (let c = 0; c < confusion.classes; c++) right += countOf(confusion, c, c);
  return right / confusion.counts.reduce((sum, n) => sum + n, 0);
};
