// Chooses C on rows held out of training, by a metric that the caller gives.
import { expected } from '../errors.js';
import type { Matrix } from '../matrix.js';
import { gramOf } from './gram.js';
import type { LinearModel } from './model.js';
import { solvePaths } from './paths.js';
import { type ClassLabels, checkC, checkClasses, checkMatrix, checkSides, fullSettings } from './problem.js';
import { type TrainOptions, trainOneVsRest } from './train.js';

/** Eight values of C from 0.01 to 30, for descriptors of length one. */
export const DEFAULT_GRID: readonly number[] = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/**
 * One figure a class, higher is better, from the scores [rows, classes] of held-out rows and each class's labels of
 * them; NaN for a class that it has no figure for. The mean over the classes is what one C for all is chosen by.
 */
export type Metric = (scores: Matrix, labels: readonly Int8Array[]) => readonly number[];

/** The metric at one value of C. */
export interface CurvePoint {
  readonly C: number;
  /** Mean over classes (and folds). */
  readonly mean: number;
  readonly perClass: readonly number[];
  /** The worst duality gap among the classes. */
  readonly worstGap: number;
}

/** The C chosen, and the whole curve it was chosen from, C ascending. */
export interface Selection {
  /** One value for all classes, or one a class. */
  readonly C: number | readonly number[];
  readonly curve: readonly CurvePoint[];
  /** Remarks, such as an optimum at the edge of the grid. */
  readonly notes: readonly string[];
}

/** How C is chosen, beside how the SVMs are trained. */
export interface SelectOptions extends TrainOptions {
  /** The rows that are held out, by index. */
  readonly validation: readonly number[] | Uint32Array;
  /** Values of C to try; default {@link DEFAULT_GRID}. */
  readonly grid?: readonly number[];
}

const meanOf = (values: readonly number[]): number => {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((a, b) => a + b) / known.length;
};

/**
 * Trains on the rows that are not held out for every C of the grid, and takes the C with the highest mean metric on the
 * held-out rows (the smallest such C on a tie).
 *
 * @param descriptors all rows, those to train on and those held out
 * @throws UsageError as {@link trainOneVsRest}, and where a held-out row does not exist
 */
export const selectC = async (
  descriptors: Matrix,
  classes: readonly ClassLabels[],
  metric: Metric,
  options: SelectOptions,
): Promise<Selection> => {
  const settings = fullSettings(options, 1e-3);
  checkMatrix(descriptors);
  checkClasses(classes, descriptors.rows);
  const held = new Uint8Array(descriptors.rows);
  for (const row of options.validation) {
    if (!(Number.isInteger(row) && row >= 0 && row < descriptors.rows)) {
      throw expected(`rows below ${descriptors.rows}`, 'validation', row);
    }
    held[row] = 1;
  }
  const validation = [...held.keys()].filter((row) => held[row]);
  for (const { name, labels } of classes) {
    checkSides(
      name,
      labels.filter((_, row) => !held[row]),
    );
  }
  const grid = [...new Set(options.grid ?? DEFAULT_GRID)].sort((a, b) => a - b);
  if (grid.length === 0 || validation.length === 0) {
    throw expected('at least one value', grid.length === 0 ? 'the grid of C' : 'validation', []);
  }
  grid.forEach((C) => checkC(C, 'the grid of C'));
  const gram = options.gram ?? gramOf(descriptors, options);
  const scores = grid.map(() => new Float32Array(validation.length * classes.length));
  const worst = grid.map(() => 0);
  await solvePaths(
    gram,
    classes,
    classes.map(() => grid),
    { settings, held, keep: 'values' },
    options,
    (index, solutions) => {
      solutions.forEach(({ values, certificate }, at) => {
        values!.forEach((value, i) => (scores[at]![i * classes.length + index] = value));
        worst[at] = Math.max(worst[at]!, certificate.gap);
      });
    },
  );
  const labels = classes.map((c) => Int8Array.from(validation.map((row) => c.labels[row]!)));
  const curve = grid.map((C, at): CurvePoint => {
    const perClass = metric({ rows: validation.length, columns: classes.length, data: scores[at]! }, labels);
    return { C, mean: meanOf(perClass), perClass, worstGap: worst[at]! };
  });
  const best = curve.reduce((a, b) => (b.mean > a.mean || Number.isNaN(a.mean) ? b : a));
  return { C: best.C, curve, notes: [] };
};

/** Trains on all rows with the C that was chosen. */
export const refit = (
  descriptors: Matrix,
  classes: readonly ClassLabels[],
  selection: Selection,
  options: TrainOptions = {},
): Promise<LinearModel> => trainOneVsRest(descriptors, classes, selection.C, options);
