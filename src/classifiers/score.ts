// Decision values of held-out rows for every C of a grid, by each of the solvers and classifiers.
import { type Matrix, rowOf } from '../matrix.js';
import { type Held, rowsOf, withoutHeld } from './folds.js';
import { type Gram, gramOf } from './gram.js';
import { TEMPERATURE, neighbourScores, unitRows, votesOf } from './knn.js';
import { fitLibsvm } from './libsvm.js';
import { type LogisticSettings, type LogisticStart, fitLogistic } from './logistic.js';
import { type Fit, decisionValues } from './model.js';
import { solvePaths } from './paths.js';
import { type NewtonStart, solveNewton } from './newton.js';
import { type Standing, solvePrimal } from './primal.js';
import type { ClassLabels, FullSettings } from './problem.js';
import { type Descriptors, blocksOf, readAll } from './rows.js';
import type { Choice, SolverOptions } from './solvers.js';

/** Scores [held rows, classes] and the worst gap, for one C. */
interface Scored {
  readonly scores: Matrix;
  readonly worstGap: number;
}

/** Scores the held rows for each C of the grid (ascending); `part` is the name in the checkpoint folder. */
export type Scorer = (grid: readonly number[], held: Held, part: string) => Promise<Scored[]>;

/** All C on one Gram matrix: it contains the held-out rows, which do not train. */
const dualScorer =
  (gram: Gram, classes: readonly ClassLabels[], settings: FullSettings, options: SolverOptions): Scorer =>
  async (grid, held, part) => {
    const rows = rowsOf(held).length;
    const columns = classes.length;
    const scores = grid.map(() => new Float32Array(rows * columns));
    const worst = grid.map(() => 0);
    await solvePaths(
      gram,
      classes,
      classes.map(() => grid),
      { settings, held, keep: 'values' },
      { ...options, part },
      (index, solutions) => {
        solutions.forEach(({ values, certificate }, at) => {
          values!.forEach((value, i) => (scores[at]![i * columns + index] = value));
          worst[at] = Math.max(worst[at]!, certificate.gap);
        });
      },
    );
    return scores.map((data, at) => ({ scores: { rows, columns, data }, worstGap: worst[at]! }));
  };

/** Scores the held-out rows with the weights trained without them, in one pass. */
const scoreHeld = async (fit: Fit, descriptors: Descriptors, held: Held): Promise<Scored> => {
  const rows = rowsOf(held).length;
  const columns = fit.weights.rows;
  const data = new Float32Array(rows * columns);
  let at = 0;
  for await (const { start, block } of blocksOf(descriptors, 4096)) {
    const values = decisionValues(fit, block);
    for (let i = 0; i < block.rows; i++) {
      if (held[start + i]) data.set(values.data.subarray(i * columns, (i + 1) * columns), at++ * columns);
    }
  }
  const worstGap = Math.max(...fit.certificates.map(({ gap }) => gap));
  return { scores: { rows, columns, data }, worstGap };
};

/** Trains each C from the solution of the previous one, on streamed rows. */
const primalScorer =
  (
    descriptors: Descriptors,
    classes: readonly ClassLabels[],
    settings: FullSettings,
    options: SolverOptions,
  ): Scorer =>
  async (grid, held, part) => {
    const training = withoutHeld(classes, held);
    const result: Scored[] = [];
    let before: readonly Standing[] | undefined;
    for (const C of grid) {
      const Cs = classes.map(() => C);
      const own = { ...options, part: `${part}-C${C}` };
      const { fit, standings } = await solvePrimal(descriptors, training, Cs, settings, own, before);
      before = standings;
      result.push(await scoreHeld(fit, descriptors, held));
    }
    return result;
  };

/** Newton's method: each C from the solution of the one before. */
const newtonScorer =
  (
    descriptors: Descriptors,
    classes: readonly ClassLabels[],
    settings: FullSettings,
    options: SolverOptions,
  ): Scorer =>
  async (grid, held) => {
    const training = withoutHeld(classes, held);
    const result: Scored[] = [];
    let before: readonly NewtonStart[] | undefined;
    for (const C of grid) {
      const Cs = classes.map(() => C);
      const { fit, solutions } = await solveNewton(descriptors, training, Cs, settings, options, before);
      before = solutions;
      result.push(await scoreHeld(fit, descriptors, held));
    }
    return result;
  };

const libsvmScorer =
  (
    matrix: Matrix,
    gram: Gram,
    classes: readonly ClassLabels[],
    settings: FullSettings,
    options: SolverOptions,
  ): Scorer =>
  async (grid, held, part) => {
    const training = withoutHeld(classes, held);
    const result: Scored[] = [];
    for (const C of grid) {
      const Cs = classes.map(() => C);
      const own = { ...options, gram, part: `${part}-C${C}` };
      result.push(await scoreHeld(await fitLibsvm(matrix, training, Cs, settings, own), matrix, held));
    }
    return result;
  };

/** Logistic regression: each C from the solution of the one before. */
export const logisticScorer =
  (
    descriptors: Descriptors,
    classes: readonly ClassLabels[],
    settings: LogisticSettings,
    options: SolverOptions,
  ): Scorer =>
  async (grid, held) => {
    const training = withoutHeld(classes, held);
    const result: Scored[] = [];
    let before: LogisticStart | undefined;
    for (const C of grid) {
      const Cs = classes.map(() => C);
      const { fit, solutions } = await fitLogistic(descriptors, training, Cs, settings, options, before);
      before = solutions;
      result.push(await scoreHeld(fit, descriptors, held));
    }
    return result;
  };

/** Nearest neighbours: the neighbours are found once for all values of k. */
export const knnScorer = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  temperature = TEMPERATURE,
): Promise<Scorer> => {
  const matrix = await readAll(descriptors);
  const unit = unitRows(matrix);
  return (grid, held) => {
    const rows = rowsOf(held);
    const queries = {
      rows: rows.length,
      columns: unit.columns,
      data: new Float32Array(rows.length * unit.columns),
    };
    rows.forEach((row, i) => rowOf(queries, i).set(rowOf(unit, row)));
    const voters = { labels: votesOf(withoutHeld(classes, held)), temperature };
    const ks = grid.map((k) => classes.map(() => k));
    const scores = neighbourScores(queries, unit, voters, ks);
    return Promise.resolve(scores.map((own) => ({ scores: own, worstGap: 0 })));
  };
};

/** The scorer of the chosen solver. */
export const scorerOf = async (
  { name }: Choice,
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  settings: FullSettings,
  options: SolverOptions,
): Promise<Scorer> => {
  if (name === 'primal') return primalScorer(descriptors, classes, settings, options);
  if (name === 'newton') return newtonScorer(descriptors, classes, settings, options);
  if (name === 'dual' && options.gram) return dualScorer(options.gram, classes, settings, options);
  const matrix = await readAll(descriptors);
  const gram = options.gram ?? gramOf(matrix, options);
  return name === 'dual'
    ? dualScorer(gram, classes, settings, options)
    : libsvmScorer(matrix, gram, classes, settings, options);
};
