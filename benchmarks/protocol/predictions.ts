// What each test image was taken for: a table to look at mistakes in, and to compare two runs image by image.
import { csvLines } from '../../src/formats/csv.js';
import { rowOf } from '../../src/matrix.js';
import { predictionsOf } from './caltech.js';
import type { SplitOutcome } from './outcome.js';

/** Whether a benchmark asks for one class an image. */
export const asksForOneClass = ({ metric }: { readonly metric: string }): boolean =>
  metric === 'meanClassRecall';

/**
 * The predictions as CSV: one row a split and test image, with its class, the class of the highest score, and that score.
 * An image that could not be read has no prediction.
 */
export const predictionsCsv = (outcomes: readonly SplitOutcome[]): string => {
  const rows: (string | number)[][] = [['split', 'id', 'path', 'class', 'predicted', 'score']];
  for (const { name, classes, test, scores } of outcomes) {
    const predicted = predictionsOf(scores);
    test.forEach(({ id, path, labels }, i) => {
      const best = predicted[i]!;
      const score = rowOf(scores, i)[best]!;
      const told = Number.isFinite(score) ? [classes[best]!, score] : ['', ''];
      rows.push([name, id, path, labels[0]!, ...told]);
    });
  }
  return csvLines(rows);
};
