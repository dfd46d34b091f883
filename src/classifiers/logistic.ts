// Logistic regression by L-BFGS: ½|W|² + C Σ weight · log loss, bias not regularised, as scikit-learn minimises it.
//
// Classes that exclude each other are one multinomial problem (two of them: one binary problem); others are one binary problem a class. All problems share the passes over the rows: one product gives the change of all decision values along the directions, along which each line search goes without another; one gives all gradients.
import { usableCores } from '../cores.js';
import { expected, option } from '../errors.js';
import type { Matrix } from '../matrix.js';
import type { OnProgress } from '../progress.js';
import { type Memory, directionOf, dot, lineSearch, remember } from './lbfgs.js';
import type { Fit } from './model.js';
import type { ClassWeight } from './options.js';
import { times, timesTransposed } from './product.js';
import type { Certificate, ClassLabels } from './problem.js';
import { type Descriptors, blocksOf } from './rows.js';

/** Iterations after which a problem is given up as not converging. */
const MOST_ITERATIONS = 2000;
/** Rows of a block that is multiplied at a time. */
const BLOCK = 4096;

/** Settings of logistic regression, all filled in. */
export interface LogisticSettings {
  readonly classWeight: ClassWeight;
  /** Stop where half the squared gradient is at most this share of the objective. */
  readonly tolerance: number;
  /** Whether the classes exclude each other: see {@link areExclusive}. */
  readonly exclusive: boolean;
}

/** Whether every row that trains is of exactly one of at least two classes. */
export const areExclusive = (classes: readonly ClassLabels[]): boolean => {
  if (classes.length < 2) return false;
  const rows = classes[0]!.labels.length;
  for (let row = 0; row < rows; row++) {
    let [positive, negative] = [0, 0];
    for (const { labels } of classes) {
      if (labels[row] === 1) positive++;
      else if (labels[row] === -1) negative++;
    }
    if (positive + negative > 0 && !(positive === 1 && negative === classes.length - 1)) return false;
  }
  return true;
};

/** A problem: `columns` columns of decision values from `first` on; each row's column, or -1 of a row that does not train. */
interface Problem {
  readonly first: number;
  readonly columns: number;
  readonly truth: Int32Array;
  /** C times the weight of each row. */
  readonly costs: Float64Array;
  /** How much the losses bend where all rows have the same probabilities, for inputs of one. */
  readonly curvature: number;
  /** The constant input of the bias, such that its curvature is about one: it is not regularised. */
  readonly constant: number;
}

/** Where a problem stands: `theta` is [columns, descriptor and bias], `values` the decision values [rows, columns]. */
interface State {
  readonly problem: Problem;
  theta: Float64Array;
  values: Float64Array;
  gradient: Float64Array;
  value: number;
  readonly memory: Memory;
  readonly diagonal: Float64Array;
  iterations: number;
  isStuck: boolean;
}

/** Balanced weights: rows / (kinds · rows of the kind), as in scikit-learn. */
const costsOf = (truth: Int32Array, kinds: number, C: number, weight: ClassWeight): Float64Array => {
  if (weight !== 'balanced' && kinds > 2) {
    const { positive, negative } = weight;
    if (positive !== 1 || negative !== 1) {
      throw expected(
        'balanced',
        option('classWeight'),
        `${positive}:${negative}`,
        'Classes that exclude each other have no two sides.',
      );
    }
    return Float64Array.from(truth, (kind) => (kind < 0 ? 0 : C));
  }
  const counts = new Float64Array(kinds);
  for (const kind of truth) if (kind >= 0) counts[kind]!++;
  const rows = counts.reduce((a, b) => a + b);
  const factors =
    weight === 'balanced'
      ? counts.map((count) => rows / (kinds * count))
      : [weight.negative, weight.positive];
  return Float64Array.from(truth, (kind) => (kind < 0 ? 0 : C * factors[kind]!));
};

/** How much the losses bend where all rows have the same probabilities. */
const curvatureOf = (truth: Int32Array, kinds: number, costs: Float64Array): number => {
  const shares = new Float64Array(kinds);
  truth.forEach((kind, row) => {
    if (kind >= 0) shares[kind]! += costs[row]!;
  });
  const all = shares.reduce((a, b) => a + b);
  return shares.reduce((sum, share) => sum + share * (1 - share / all), 0) / kinds;
};

const problemOf = (
  truth: Int32Array,
  [first, columns]: readonly [number, number],
  C: number,
  weight: ClassWeight,
): Problem => {
  const kinds = Math.max(2, columns);
  const costs = costsOf(truth, kinds, C, weight);
  const curvature = curvatureOf(truth, kinds, costs);
  return { first, columns, truth, costs, curvature, constant: 1 / Math.sqrt(curvature) };
};

/** A binary problem: kind 1 is the class, kind 0 the others. */
const binary = (labels: Int8Array, first: number, C: number, weight: ClassWeight): Problem => {
  const truth = Int32Array.from(labels, (y) => (y === 0 ? -1 : y > 0 ? 1 : 0));
  return problemOf(truth, [first, 1], C, weight);
};

const problemsOf = (
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  { classWeight, exclusive }: LogisticSettings,
): Problem[] => {
  if (!exclusive) return classes.map(({ labels }, c) => binary(labels, c, Cs[c]!, classWeight));
  if (Cs.some((C) => C !== Cs[0])) {
    throw expected('one C for all classes, which exclude each other', option('cPerClass'), Cs);
  }
  if (classes.length === 2) return [binary(classes[1]!.labels, 0, Cs[0]!, classWeight)];
  const truth = Int32Array.from(classes[0]!.labels, (_, row) =>
    classes.findIndex(({ labels }) => labels[row] === 1),
  );
  return [problemOf(truth, [0, classes.length], Cs[0]!, classWeight)];
};

/** ln(1 + eˣ) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * The losses at decision values `values + t · along`, and where asked for the residuals weight · (probability - truth), or their
 * inner product with `along`.
 */
const lossAt = (
  { columns, truth, costs }: Problem,
  values: Float64Array,
  along?: Float64Array,
  t = 0,
  residuals?: Float64Array,
): { readonly loss: number; readonly slope: number } => {
  let [loss, slope] = [0, 0];
  const row = new Float64Array(columns);
  for (let i = 0; i < truth.length; i++) {
    const [kind, cost, at] = [truth[i]!, costs[i]!, i * columns];
    if (kind < 0) continue;
    if (columns === 1) {
      const f = values[at]! + (along ? t * along[at]! : 0);
      loss += cost * softplus(kind === 1 ? -f : f);
      const residual = cost * (1 / (1 + Math.exp(-f)) - kind);
      if (along) slope += residual * along[at]!;
      if (residuals) residuals[at] = residual;
      continue;
    }
    let highest = -Infinity;
    for (let c = 0; c < columns; c++) {
      row[c] = values[at + c]! + (along ? t * along[at + c]! : 0);
      if (row[c]! > highest) highest = row[c]!;
    }
    const own = row[kind]!;
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += row[c] = Math.exp(row[c]! - highest);
    loss += cost * (highest + Math.log(sum) - own);
    for (let c = 0; c < columns; c++) {
      const residual = cost * (row[c]! / sum - (c === kind ? 1 : 0));
      if (along) slope += residual * along[at + c]!;
      if (residuals) residuals[at + c] = residual;
    }
  }
  return { loss, slope };
};

/** ½|W|² + t · W·D + ½ t² |D|², without the biases, and its derivative. */
const normAt = (theta: Float64Array, width: number, along?: Float64Array, t = 0) => {
  let [own, cross, step] = [0, 0, 0];
  for (let i = 0; i < theta.length; i++) {
    if (i % width === width - 1) continue;
    const [w, d] = [theta[i]!, along ? along[i]! : 0];
    own += w * w;
    cross += w * d;
    step += d * d;
  }
  return { value: own / 2 + t * cross + (t * t * step) / 2, slope: cross + t * step };
};

/** What passes over the rows need. */
interface Passes {
  readonly descriptors: Descriptors;
  readonly threads: number;
}

/** Decision values [rows, columns] of each set of weights [columns, descriptor and bias], by one pass. */
const valuesOf = async (
  { descriptors, threads }: Passes,
  vectors: readonly Float64Array[],
  constants: readonly number[],
): Promise<Float64Array[]> => {
  const { rows, columns: width } = descriptors;
  const counts = vectors.map(({ length }) => length / (width + 1));
  const total = counts.reduce((a, b) => a + b, 0);
  const stacked: Matrix = { rows: total, columns: width, data: new Float32Array(total * width) };
  const biases = new Float64Array(total);
  let at = 0;
  vectors.forEach((vector, p) => {
    for (let c = 0; c < counts[p]!; c++, at++) {
      stacked.data.set(vector.subarray(c * (width + 1), c * (width + 1) + width), at * width);
      biases[at] = constants[p]! * vector[c * (width + 1) + width]!;
    }
  });
  const results = counts.map((count) => new Float64Array(rows * count));
  for await (const { start, block } of blocksOf(descriptors, BLOCK)) {
    const { data } = timesTransposed(block, stacked, threads);
    let first = 0;
    results.forEach((result, p) => {
      const count = counts[p]!;
      for (let i = 0; i < block.rows; i++) {
        for (let c = 0; c < count; c++) {
          result[(start + i) * count + c] = data[i * total + first + c]! + biases[first + c]!;
        }
      }
      first += count;
    });
  }
  return results;
};

/** Fills in objective and gradient of each state, by one pass. */
const differentiate = async ({ descriptors, threads }: Passes, states: readonly State[]): Promise<void> => {
  const { rows, columns: width } = descriptors;
  const residuals = states.map(({ problem, values }) => {
    const own = new Float64Array(rows * problem.columns);
    return { own, loss: lossAt(problem, values, undefined, 0, own).loss };
  });
  const total = states.reduce((sum, { problem }) => sum + problem.columns, 0);
  const sums = new Float64Array(total * (width + 1));
  for await (const { start, block } of blocksOf(descriptors, BLOCK)) {
    const factors = new Float32Array(total * block.rows);
    let first = 0;
    states.forEach(({ problem: { columns, constant } }, p) => {
      const { own } = residuals[p]!;
      for (let c = 0; c < columns; c++, first++) {
        for (let i = 0; i < block.rows; i++) {
          const residual = own[(start + i) * columns + c]!;
          factors[first * block.rows + i] = residual;
          sums[first * (width + 1) + width]! += constant * residual;
        }
      }
    });
    const { data } = times({ rows: total, columns: block.rows, data: factors }, block, threads);
    for (let c = 0; c < total; c++) {
      for (let k = 0; k < width; k++) sums[c * (width + 1) + k]! += data[c * width + k]!;
    }
  }
  let first = 0;
  states.forEach((state, p) => {
    const { theta, problem } = state;
    const end = first + problem.columns * (width + 1);
    const gradient = sums.slice(first, end);
    for (let i = 0; i < theta.length; i++) if (i % (width + 1) !== width) gradient[i]! += theta[i]!;
    state.gradient = gradient;
    state.value = normAt(theta, width + 1).value + residuals[p]!.loss;
    first = end;
  });
};

/** The mean square of each column, by one pass: unscaled columns are taken with steps of their own size. */
const meanSquares = async (descriptors: Descriptors): Promise<Float64Array> => {
  const { rows, columns } = descriptors;
  const sums = new Float64Array(columns);
  for await (const { block } of blocksOf(descriptors, BLOCK)) {
    for (let at = 0; at < block.data.length;) {
      for (let k = 0; k < columns; k++, at++) sums[k]! += block.data[at]! * block.data[at]!;
    }
  }
  return sums.map((sum) => sum / rows);
};

/** A guess of the inverse Hessian's diagonal. */
const diagonalOf = ({ columns, curvature }: Problem, squares: Float64Array): Float64Array => {
  const own = Float64Array.from([...squares.map((square) => 1 / (1 + curvature * square)), 1]);
  const diagonal = new Float64Array(columns * own.length);
  for (let c = 0; c < columns; c++) diagonal.set(own, c * own.length);
  return diagonal;
};

const gapOf = ({ gradient, value }: State): number => (value === 0 ? 0 : dot(gradient, gradient) / 2 / value);

/** One iteration of L-BFGS of each state. */
const iterate = async (passes: Passes, states: readonly State[]): Promise<void> => {
  const width = passes.descriptors.columns + 1;
  const directions = states.map(({ memory, gradient, diagonal }) => directionOf(memory, gradient, diagonal));
  const constants = states.map(({ problem }) => problem.constant);
  const alongs = await valuesOf(passes, directions, constants);
  const steps = states.map((state, p) => {
    const [direction, along] = [directions[p]!, alongs[p]!];
    const line = (t: number) => {
      const norm = normAt(state.theta, width, direction, t);
      const { loss, slope } = lossAt(state.problem, state.values, along, t);
      return { value: norm.value + loss, slope: norm.slope + slope };
    };
    const start = line(0);
    const t = start.slope < 0 ? lineSearch(line, start) : 0;
    state.isStuck = t === 0;
    state.iterations++;
    state.theta = state.theta.map((w, i) => w + t * direction[i]!);
    state.values = state.values.map((f, i) => f + t * along[i]!);
    return direction.map((d) => t * d);
  });
  const before = states.map(({ gradient }) => gradient);
  await differentiate(passes, states);
  states.forEach(({ memory, gradient }, p) => {
    remember(
      memory,
      steps[p]!,
      gradient.map((g, i) => g - before[p]![i]!),
    );
  });
};

/** Weights and biases of each class; of two classes that exclude each other half of the problem's, with both signs. */
const weightsOf = (states: readonly State[], classes: number, columns: number) => {
  const weights = { rows: classes, columns, data: new Float32Array(classes * columns) };
  const biases = new Float32Array(classes);
  const set = (c: number, { theta, problem: { constant } }: State, at: number, factor: number): void => {
    for (let k = 0; k < columns; k++) weights.data[c * columns + k] = factor * theta[at * (columns + 1) + k]!;
    biases[c] = factor * constant * theta[at * (columns + 1) + columns]!;
  };
  for (const state of states) {
    const { problem } = state;
    if (states.length === 1 && problem.columns === 1 && classes === 2) {
      set(0, state, 0, -0.5);
      set(1, state, 0, 0.5);
    } else {
      for (let c = 0; c < problem.columns; c++) set(problem.first + c, state, c, 1);
    }
  }
  return { weights, biases };
};

/** Solutions from which those of another C can start, and the constant input of their biases. */
export type LogisticStart = readonly { readonly theta: Float64Array; readonly constant: number }[];

/** A solution with another constant input of the bias. */
const startOf = (
  start: LogisticStart[number] | undefined,
  width: number,
  constant: number,
): Float64Array | undefined =>
  start?.theta.map((w, i) => (i % width === width - 1 ? (w * start.constant) / constant : w));

/**
 * Trains logistic regression. The certificate's gap is half the squared gradient over the objective: it bounds the distance
 * from the optimum where the biases are at their best.
 *
 * @param start the solutions for another C
 */
export const fitLogistic = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: LogisticSettings,
  options: { readonly threads?: number; readonly onProgress?: OnProgress } = {},
  start?: LogisticStart,
): Promise<{ readonly fit: Fit; readonly solutions: LogisticStart }> => {
  const passes = { descriptors, threads: options.threads ?? usableCores() };
  const width = descriptors.columns + 1;
  const problems = problemsOf(classes, Cs, settings);
  const thetas = problems.map(
    ({ columns, constant }, p) => startOf(start?.[p], width, constant) ?? new Float64Array(columns * width),
  );
  const values = start
    ? await valuesOf(
        passes,
        thetas,
        problems.map(({ constant }) => constant),
      )
    : problems.map(({ columns }) => new Float64Array(descriptors.rows * columns));
  const squares = await meanSquares(descriptors);
  const states = problems.map((problem, p): State => ({
    ...{ problem, theta: thetas[p]!, values: values[p]!, gradient: new Float64Array(0), value: 0 },
    ...{ memory: { steps: [], changes: [] }, diagonal: diagonalOf(problem, squares) },
    ...{ iterations: 0, isStuck: false },
  }));
  await differentiate(passes, states);
  const isOpen = (state: State): boolean =>
    gapOf(state) > settings.tolerance && !state.isStuck && state.iterations < MOST_ITERATIONS;
  for (let round = 0; ; round++) {
    const open = states.filter(isOpen);
    options.onProgress?.({
      ...{ task: 'svm', done: states.length - open.length, total: states.length, unit: 'problems' },
      figures: { round },
    });
    if (open.length === 0) break;
    await iterate(passes, open);
  }
  const certificates = states.flatMap((state): Certificate[] => {
    const [primal, gap] = [state.value, gapOf(state)];
    const one = { primal, dual: primal * (1 - gap), gap, converged: gap <= settings.tolerance };
    const own = { ...one, supportVectors: state.problem.truth.length, updates: state.iterations };
    return Array.from({ length: settings.exclusive ? classes.length : 1 }, () => own);
  });
  const kind = settings.exclusive ? 'one multinomial problem' : 'one binary problem a class';
  const fit = { solver: 'l-bfgs', ...weightsOf(states, classes.length, descriptors.columns), certificates };
  return {
    fit: { ...fit, notes: [`logistic regression, ${kind}`] },
    solutions: states.map(({ theta, problem: { constant } }) => ({ theta, constant })),
  };
};
