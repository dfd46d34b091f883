// Chooses C on rows held out of training, by a metric that the caller gives.
import { UsageError, expected, option, text } from '../errors.js';
import type { Matrix } from '../matrix.js';
import { type Held, heldOut, rowsOf, stratifiedFolds, withoutHeld } from './folds.js';
import { DEFAULT_NEIGHBOURS, checkNeighbours } from './knn.js';
import { areExclusive } from './logistic.js';
import type { LinearModel } from './model.js';
import type { SvmOptions } from './options.js';
import {
  type ClassLabels,
  type FullSettings,
  checkC,
  checkClasses,
  checkMatrix,
  checkSides,
  fullSettings,
} from './problem.js';
import { type Descriptors, isMatrix } from './rows.js';
import { type Scorer, knnScorer, logisticScorer, scorerOf } from './score.js';
import { chooseSolver } from './solvers.js';
import { type TrainOptions, logisticSettings, trainOneVsRest, trainingRows } from './train.js';

/** Eight values of C from 0.01 to 30, for descriptors of length one. */
export const DEFAULT_GRID: readonly number[] = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/** The limits that no C passes when the grid is widened. */
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
  /** Values that were tried beyond the grid, because the best lay at its edge; ascending. */
  readonly widened: readonly number[];
  /** Remarks, such as which solver was taken and why. */
  readonly notes: readonly string[];
}

/**
 * How C is chosen, beside how the SVMs are trained: out of `cGrid` (default {@link DEFAULT_GRID}), one for all classes by the mean
 * metric, or with `cPerClass` one a class by its own.
 */
export interface SelectOptions extends TrainOptions, Pick<SvmOptions, 'cGrid' | 'cFolds' | 'cPerClass'> {
  /** The rows that are held out, by index; or give `cFolds`, k of stratified k-fold cross-validation. */
  readonly validation?: readonly number[] | Uint32Array;
  /** The name of each row's group (its image, its place): rows of one group stand in the same fold. */
  readonly groups?: readonly string[];
  /** Seed of the folds; default 1. */
  readonly seed?: number;
  /** Whether values beyond an edge of the grid are tried until the best lies inside; default true. */
  readonly widen?: boolean;
}

const meanOf = (values: readonly number[]): number => {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((a, b) => a + b) / known.length;
};

/** What figures may differ by and be the same: sums of the same numbers in another order. */
const SAME = 1e-12;

/** Indices of the highest values; NaN counts as lowest. */
const highest = (values: readonly number[]): number[] => {
  const best = Math.max(...values.map((value) => (Number.isNaN(value) ? -Infinity : value)));
  const all = [...values.keys()].filter((i) => values[i]! >= best - SAME * Math.abs(best));
  return all.length > 0 ? all : [...values.keys()]; // No value at all: any is as good.
};

/** Index of the highest value; of several that are equal the one in the middle, of two in the middle the lower. */
export const bestOf = (values: readonly number[]): number => {
  const all = highest(values);
  return all[(all.length - 1) >> 1]!;
};

const checkGrid = (grid: readonly number[]): number[] => {
  if (grid.length === 0) throw expected('at least one value', 'the grid of C', []);
  grid.forEach((C) => checkC(C, 'the grid of C'));
  return [...new Set(grid)].sort((a, b) => a - b);
};

/** Values of C just beyond the edges at which a best one lies, better than all others. */
const beyond = (curve: readonly CurvePoint[], perClass: boolean): number[] => {
  const last = curve.length - 1;
  if (last < 1) return [];
  const figures = perClass
    ? curve[0]!.perClass.map((_, c) => curve.map((point) => point.perClass[c]!))
    : [curve.map(({ mean }) => mean)];
  const onlyBest = (at: number): boolean =>
    figures.some((values) => {
      const all = highest(values);
      return all.length === 1 && all[0] === at;
    });
  const [a, b] = [curve[0]!.C, curve[1]!.C];
  const [y, z] = [curve[last - 1]!.C, curve[last]!.C];
  const rounded = (C: number): number => Number(C.toPrecision(3));
  return [
    ...(onlyBest(0) ? [rounded((a * a) / b)] : []),
    ...(onlyBest(last) ? [rounded((z * z) / y)] : []),
  ].filter((C) => C >= LEAST_C && C <= MOST_C);
};

/** How the classifier scores held-out rows, and its values of C, or of k. */
const classifierOf = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  parts: readonly Held[],
  settings: FullSettings,
  options: SelectOptions,
): Promise<{ readonly note?: string; readonly score: Scorer; readonly grid: readonly number[] }> => {
  const { classifier = 'svm', cGrid } = options;
  if (classifier === 'logistic') {
    if (options.cPerClass && areExclusive(classes)) {
      throw new UsageError(
        text`Classes that exclude each other are one problem of logistic regression, with one C. Leave out ${option('cPerClass')}.`,
      );
    }
    const own = logisticSettings(options, classes, false);
    return { score: logisticScorer(descriptors, classes, own, options), grid: cGrid ?? DEFAULT_GRID };
  }
  if (classifier === 'knn') {
    const most = Math.min(...parts.map((held) => trainingRows(withoutHeld(classes, held))));
    if (cGrid) checkNeighbours(cGrid, most);
    const grid = cGrid ?? DEFAULT_NEIGHBOURS.filter((k) => k <= most);
    return { score: await knnScorer(descriptors, classes, options.knnTemperature), grid };
  }
  const choice = chooseSolver(descriptors, settings, options, classes.length);
  const score = await scorerOf(choice, descriptors, classes, settings, options);
  return { ...(choice.note && { note: choice.note }), score, grid: cGrid ?? DEFAULT_GRID };
};

/**
 * Trains on the rows that are not held out for every C of the grid, and takes the C with the highest mean metric on the
 * held-out rows (on a tie the middle one of those that are equal); with `cPerClass`, each class takes its own
 * best. While the best lies at an edge of the grid, the grid is widened by the step there. Unless a tolerance is given,
 * solvers stop where the duality gap is at most 1e-3 of the primal and small against the variance of the decision values
 * too, so that a small C is ranked as exactly as a large one.
 *
 * @param descriptors all rows, those to train on and those held out
 * @throws UsageError as {@link trainOneVsRest}, and where neither or both of `validation` and `cFolds` are given
 */
export const selectC = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  metric: Metric,
  options: SelectOptions,
): Promise<Selection> => {
  const settings = { ...fullSettings(options, 1e-3), resolved: options.tolerance === undefined };
  if (isMatrix(descriptors)) checkMatrix(descriptors);
  checkClasses(classes, descriptors.rows);
  if ((options.validation === undefined) === (options.cFolds === undefined)) {
    throw new UsageError(
      text`Expected either validation rows or ${option('cFolds')} to choose C by, one of the two.`,
    );
  }
  const parts = options.validation
    ? [heldOut(options.validation, descriptors.rows)]
    : stratifiedFolds(classes, options.cFolds!, options.seed ?? 1, options.groups);
  for (const held of parts) {
    for (const { name, labels } of withoutHeld(classes, held)) checkSides(name, labels);
  }
  const perClass = options.cPerClass === true;
  const { note, score, grid } = await classifierOf(descriptors, classes, parts, settings, options);

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

  let curve = await measure(checkGrid(grid), 'grid');
  const notes = note ? [note] : [];
  const widened: number[] = [];
  for (let round = 1; options.widen !== false && options.classifier !== 'knn'; round++) {
    const more = beyond(curve, perClass);
    if (more.length === 0) break;
    widened.push(...more);
    curve = [...curve, ...(await measure(more, `wider${round}`))].sort((a, b) => a.C - b.C);
  }
  const C = perClass
    ? classes.map((_, c) => curve[bestOf(curve.map((point) => point.perClass[c]!))]!.C)
    : curve[bestOf(curve.map(({ mean }) => mean))]!.C;
  return { C, curve, widened: widened.sort((a, b) => a - b), notes };
};

/** Trains on all rows with the C that was chosen. */
export const refit = (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  selection: Selection,
  options: TrainOptions = {},
): Promise<LinearModel> => trainOneVsRest(descriptors, classes, selection.C, options);
