// Chooses C on rows held out of training, by a metric that the caller gives.
import { UsageError, expected } from '../errors.js';
import type { Matrix } from '../matrix.js';
import { heldOut, rowsOf, stratifiedFolds, withoutHeld } from './folds.js';
import type { LinearModel } from './model.js';
import { type ClassLabels, checkC, checkClasses, checkMatrix, checkSides, fullSettings } from './problem.js';
import { type Descriptors, isMatrix } from './rows.js';
import { scorerOf } from './score.js';
import { chooseSolver } from './solvers.js';
import { type TrainOptions, trainOneVsRest } from './train.js';

/** Eight values of C from 0.01 to 30, for descriptors of length one. */
export const DEFAULT_GRID: readonly number[] = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/** Values of C that may be added beyond each edge of the grid, and the limits that no C passes. */
const MOST_WIDENINGS = 3;
const [LEAST_C, MOST_C] = [1e-6, 1e6];

/**
 * One figure a class, higher is better, from the scores [rows, classes] of held-out rows and each class's labels of
 * them; NaN for a class that it has no figure for. The mean over the classes is what one C for all is chosen by.
 */
export type Metric = (scores: Matrix, labels: readonly Int8Array[]) => readonly number[];

/** The metric at one value of C. */
export interface CurvePoint {
  readonly C: number;
  /** Mean over classes, of the mean over folds. */
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
  /** The rows that are held out, by index; or give `folds`. */
  readonly validation?: readonly number[] | Uint32Array;
  /** k of stratified k-fold cross-validation, instead of `validation`. */
  readonly folds?: number;
  /** Seed of the folds; default 1. */
  readonly seed?: number;
  /** Values of C to try; default {@link DEFAULT_GRID}. */
  readonly grid?: readonly number[];
  /** One C for all classes by the mean metric (default), or one a class by its own. */
  readonly choose?: 'shared' | 'per-class';
  /** Whether values beyond an edge of the grid are tried while the best lies at it; default true. */
  readonly widen?: boolean;
}

const meanOf = (values: readonly number[]): number => {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((a, b) => a + b) / known.length;
};

/** Index of the highest value, the first on a tie; NaN counts as lowest. */
const bestOf = (values: readonly number[]): number =>
  values.reduce((best, value, i) => (value > values[best]! || Number.isNaN(values[best]) ? i : best), 0);

const checkGrid = (grid: readonly number[]): number[] => {
  if (grid.length === 0) throw expected('at least one value', 'the grid of C', []);
  grid.forEach((C) => checkC(C, 'the grid of C'));
  return [...new Set(grid)].sort((a, b) => a - b);
};

/** Values of C just beyond the edges at which a best one lies, strictly better than its neighbour. */
const beyond = (curve: readonly CurvePoint[], perClass: boolean): number[] => {
  const last = curve.length - 1;
  if (last < 1) return [];
  const figures = perClass
    ? curve[0]!.perClass.map((_, c) => curve.map((point) => point.perClass[c]!))
    : [curve.map(({ mean }) => mean)];
  const low = figures.some((values) => bestOf(values) === 0 && values[0]! > values[1]!);
  const high = figures.some((values) => bestOf(values) === last);
  const [a, b] = [curve[0]!.C, curve[1]!.C];
  const [y, z] = [curve[last - 1]!.C, curve[last]!.C];
  const rounded = (C: number): number => Number(C.toPrecision(3));
  return [...(low ? [rounded((a * a) / b)] : []), ...(high ? [rounded((z * z) / y)] : [])].filter(
    (C) => C >= LEAST_C && C <= MOST_C,
  );
};

/**
 * Trains on the rows that are not held out for every C of the grid, and takes the C with the highest mean metric on the
 * held-out rows (the smallest such C on a tie); with `choose: 'per-class'`, each class takes its own best.
 *
 * @param descriptors all rows, those to train on and those held out
 * @throws UsageError as {@link trainOneVsRest}, and where neither or both of `validation` and `folds` are given
 */
export const selectC = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  metric: Metric,
  options: SelectOptions,
): Promise<Selection> => {
  const settings = fullSettings(options, 1e-3);
  if (isMatrix(descriptors)) checkMatrix(descriptors);
  checkClasses(classes, descriptors.rows);
  if ((options.validation === undefined) === (options.folds === undefined)) {
    throw new UsageError('Expected either validation rows or folds to choose C by, one of the two.');
  }
  const parts = options.validation
    ? [heldOut(options.validation, descriptors.rows)]
    : stratifiedFolds(classes, options.folds!, options.seed ?? 1);
  for (const held of parts) {
    for (const { name, labels } of withoutHeld(classes, held)) checkSides(name, labels);
  }
  const perClass = options.choose === 'per-class';
  const choice = chooseSolver(descriptors, settings, options, classes.length);
  const score = await scorerOf(choice, descriptors, classes, settings, options);

  /** The metric for each C of `grid`, on every part. */
  const measure = async (grid: readonly number[], name: string): Promise<CurvePoint[]> => {
    const figures = grid.map(() => ({ folds: [] as (readonly number[])[], worstGap: 0 }));
    for (const [i, held] of parts.entries()) {
      const scored = await score(grid, held, `${name}-part${i}`);
      const rows = rowsOf(held);
      const labels = classes.map((c) => Int8Array.from(rows, (row) => c.labels[row]!));
      scored.forEach(({ scores, worstGap }, at) => {
        figures[at]!.folds.push(metric(scores, labels));
        figures[at]!.worstGap = Math.max(figures[at]!.worstGap, worstGap);
      });
    }
    return grid.map((C, at) => {
      const { folds, worstGap } = figures[at]!;
      const means = classes.map((_, c) => meanOf(folds.map((fold) => fold[c]!)));
      return { C, mean: meanOf(means), perClass: means, worstGap };
    });
  };

  let curve = await measure(checkGrid(options.grid ?? DEFAULT_GRID), 'grid');
  const notes = choice.note ? [choice.note] : [];
  for (let round = 1; options.widen !== false && round <= MOST_WIDENINGS; round++) {
    const more = beyond(curve, perClass);
    if (more.length === 0) break;
    notes.push(`the best C lay at the edge of the grid, so ${more.join(' and ')} was tried too`);
    curve = [...curve, ...(await measure(more, `wider${round}`))].sort((a, b) => a.C - b.C);
  }
  const C = perClass
    ? classes.map((_, c) => curve[bestOf(curve.map((point) => point.perClass[c]!))]!.C)
    : curve[bestOf(curve.map(({ mean }) => mean))]!.C;
  return { C, curve, notes };
};

/** Trains on all rows with the C that was chosen. */
export const refit = (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  selection: Selection,
  options: TrainOptions = {},
): Promise<LinearModel> => trainOneVsRest(descriptors, classes, selection.C, options);
