// The solver "newton": the squared hinge on many more rows than columns, by Newton's method with an exact line search.
//
// Every row has a coefficient 2 cost · max(0, 1 - y f), which is feasible in the dual: each step knows its duality gap. The Hessian is the identity and 2 cost · x xᵀ of the rows whose coefficient is above zero. All classes share the passes over the rows, which are in memory or streamed.
import { usableCores } from '../cores.js';
import { matmul } from '../engine/gemm.js';
import { rowOf } from '../matrix.js';
import type { OnProgress } from '../progress.js';
import type { Fit } from './model.js';
import { times, timesTransposed } from './product.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import { type Descriptors, blocksOf } from './rows.js';
import { sideWeights } from './solver/solve.js';

/** Steps after which a class is given up as not converging. */
const MOST_STEPS = 300;
/** Rows of a block, and rows of the Hessian's product. */
const BLOCK = 4096;
/** Bytes of Hessians that one pass over the rows makes. */
const HESSIAN_BYTES = 256 * 2 ** 20;
/** The gap while C is chosen and decision values are ranked: one step more. */
const RESOLVED = 1e-5;

/** One class during training. The bias is the last weight, of a constant input. */
interface State {
  readonly labels: Int8Array;
  readonly costs: Float64Array;
  readonly weights: Float64Array;
  readonly values: Float64Array;
  readonly coefficients: Float64Array;
  gradient: Float64Array;
  steps: number;
  certificate: Certificate | undefined;
}

/** A solution from which that of another C can start. */
export type NewtonStart = Pick<State, 'weights' | 'values'>;

interface Problem {
  readonly descriptors: Descriptors;
  readonly settings: FullSettings;
  readonly threads: number;
  /** Columns and the constant input. */
  readonly width: number;
  /** The gap to stop at. */
  readonly tolerance: number;
  /** How much the bias is regularised: 1 or 0. */
  readonly biasShare: number;
}

/** Memory of the solver, beside descriptors that are in memory already. */
export const newtonBytes = (rows: number, columns: number, classes: number): number => {
  const hessian = (columns + 1) ** 2;
  const group = Math.max(1, Math.floor(HESSIAN_BYTES / 8 / hessian));
  const perClass = 12 * hessian + 4 * BLOCK * (columns + 1);
  return perClass * Math.min(classes, group) + 68 * rows * classes + 2 * 4 * BLOCK * (columns + 1);
};

/** Whether there are enough more rows than columns. */
export const suitsNewton = (rows: number, columns: number): boolean => columns <= rows / 4;

/** The coefficient of a row, given its cost and y f. */
const coefficientOf = (cost: number, margin: number): number => 2 * cost * Math.max(0, 1 - margin);

/** Σ over the rows of coefficients times descriptor and constant input, [sets, width], by one pass. */
const sumRows = async (p: Problem, sets: readonly Float64Array[]): Promise<Float64Array[]> => {
  const { descriptors, settings, width, threads } = p;
  const sums = sets.map(() => new Float64Array(width));
  for await (const { start, block } of blocksOf(descriptors, BLOCK)) {
    const factors = new Float32Array(sets.length * block.rows);
    sets.forEach((set, s) => {
      let total = 0;
      for (let i = 0; i < block.rows; i++) total += factors[s * block.rows + i] = set[start + i]!;
      sums[s]![width - 1]! += settings.biasScale * total;
    });
    const { data } = times({ rows: sets.length, columns: block.rows, data: factors }, block, threads);
    sums.forEach((sum, s) => {
      for (let k = 0; k < width - 1; k++) sum[k]! += data[s * (width - 1) + k]!;
    });
  }
  return sums;
};

/** Decision values of each vector of weights, by one pass. */
const valuesOf = async (p: Problem, vectors: readonly Float64Array[]): Promise<Float64Array[]> => {
  const { descriptors, settings, width, threads } = p;
  const stacked = new Float32Array(vectors.length * (width - 1));
  vectors.forEach((vector, v) => stacked.set(vector.subarray(0, width - 1), v * (width - 1)));
  const results = vectors.map(() => new Float64Array(descriptors.rows));
  const weights = { rows: vectors.length, columns: width - 1, data: stacked };
  for await (const { start, block } of blocksOf(descriptors, BLOCK)) {
    const { data } = timesTransposed(block, weights, threads);
    results.forEach((result, v) => {
      const bias = settings.biasScale * vectors[v]![width - 1]!;
      for (let i = 0; i < block.rows; i++) result[start + i] = data[i * vectors.length + v]! + bias;
    });
  }
  return results;
};

/** Coefficients, gradients and certificates, by one pass. */
const measure = async (p: Problem, states: readonly State[]): Promise<void> => {
  const { width, biasShare } = p;
  const sets = states.flatMap(({ labels, costs, values, coefficients }) => {
    const signed = [new Float64Array(labels.length), new Float64Array(labels.length)] as const;
    labels.forEach((y, row) => {
      const a = y === 0 ? 0 : coefficientOf(costs[row]!, y * values[row]!);
      coefficients[row] = a;
      if (y !== 0) signed[y > 0 ? 0 : 1][row] = a;
    });
    return signed;
  });
  const sums = await sumRows(p, sets);
  states.forEach((state, s) => {
    const { labels, values, weights, coefficients, costs } = state;
    const [rising, falling] = [sums[2 * s]!, sums[2 * s + 1]!];
    const own = weights.map((w, k) => (k === width - 1 ? biasShare * w : w));
    state.gradient = own.map((w, k) => w - rising[k]! + falling[k]!);
    // With a bias that is not regularised, dual coefficients of both sides have the same sum: the larger one is reduced.
    let [up, down] = [0, 0];
    coefficients.forEach((a, row) => (labels[row]! > 0 ? (up += a) : (down += a)));
    const least = Math.min(up, down);
    const [upShare, downShare] =
      biasShare > 0 ? [1, 1] : [up > 0 ? least / up : 1, down > 0 ? least / down : 1];
    let [norm, dualNorm, losses, linear, penalty, supportVectors] = [0, 0, 0, 0, 0, 0];
    own.forEach((w, k) => {
      norm += w * weights[k]!;
      const dual = upShare * rising[k]! - downShare * falling[k]!;
      if (k < width - 1 || biasShare > 0) dualNorm += dual * dual;
    });
    labels.forEach((y, row) => {
      if (y === 0) return;
      const slack = Math.max(0, 1 - y * values[row]!);
      losses += costs[row]! * slack * slack;
      const a = (y > 0 ? upShare : downShare) * coefficients[row]!;
      if (a === 0) return;
      linear += a;
      penalty += (a * a) / (2 * costs[row]!);
      supportVectors++;
    });
    const primal = norm / 2 + losses;
    const dual = linear - (dualNorm + penalty) / 2;
    const gap = primal > 0 ? Math.max(0, primal - dual) / primal : 0;
    const converged = gap <= p.tolerance;
    state.certificate = { primal, dual, gap, converged, supportVectors, updates: state.steps };
  });
};

/** The Hessian of each state, by one pass: of the rows whose coefficients are free. */
const hessiansOf = async (p: Problem, states: readonly State[]): Promise<Float64Array[]> => {
  const { descriptors, settings, width, biasShare, threads } = p;
  const hessians = states.map(() => {
    const hessian = new Float64Array(width * width);
    for (let k = 0; k < width; k++) hessian[k * width + k] = k < width - 1 ? 1 : Math.max(biasShare, 1e-9);
    return hessian;
  });
  const gathered = states.map(() => new Float32Array(BLOCK * width));
  const counts = states.map(() => 0);
  const flush = (s: number): void => {
    const rows = counts[s]!;
    if (rows === 0) return;
    const data = gathered[s]!.subarray(0, rows * width);
    const product = matmul(data, rows, width, data, rows, width, { transposeA: true, threads });
    const hessian = hessians[s]!;
    for (let k = 0; k < product.length; k++) hessian[k]! += product[k]!;
    counts[s] = 0;
  };
  for await (const { start, block } of blocksOf(descriptors, BLOCK)) {
    states.forEach(({ coefficients, costs }, s) => {
      for (let i = 0; i < block.rows; i++) {
        if (coefficients[start + i] === 0) continue;
        const factor = Math.sqrt(2 * costs[start + i]!);
        const to = counts[s]! * width;
        const row = rowOf(block, i);
        for (let k = 0; k < width - 1; k++) gathered[s]![to + k] = factor * row[k]!;
        gathered[s]![to + width - 1] = factor * settings.biasScale;
        if (++counts[s]! === BLOCK) flush(s);
      }
    });
  }
  states.forEach((_, s) => flush(s));
  return hessians;
};

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
};

/** Residual of the linear system that is small enough, and the iterations that it may take. */
const [SYSTEM_TOLERANCE, MOST_ITERATIONS] = [1e-5, 500];

/** H⁻¹ · (-gradient), by conjugate gradients with the diagonal as preconditioner. */
const directionOf = (hessian: Float64Array, gradient: Float64Array): Float64Array => {
  const width = gradient.length;
  const direction = new Float64Array(width);
  const residual = gradient.map((g) => -g);
  const scaled = (vector: Float64Array): Float64Array => vector.map((x, k) => x / hessian[k * width + k]!);
  let along = scaled(residual);
  let square = dot(residual, along);
  const enough = SYSTEM_TOLERANCE ** 2 * square;
  for (let iteration = 0; iteration < MOST_ITERATIONS && square > enough; iteration++) {
    const image = new Float64Array(width);
    for (let k = 0; k < width; k++) image[k] = dot(hessian.subarray(k * width, (k + 1) * width), along);
    const step = square / dot(along, image);
    for (let k = 0; k < width; k++) {
      direction[k]! += step * along[k]!;
      residual[k]! -= step * image[k]!;
    }
    const next = scaled(residual);
    const rest = dot(residual, next);
    along = next.map((x, k) => x + (rest / square) * along[k]!);
    square = rest;
  }
  return direction;
};

/** Share of the first slope that a line search may leave, and its trials. */
const [FLAT, MOST_TRIALS] = [0.05, 40];

/** The step along a direction at which the objective, which is convex, is least. */
const stepOf = (p: Problem, state: State, direction: Float64Array, along: Float64Array): number => {
  const { labels, costs, values, weights } = state;
  const { width, biasShare } = p;
  let [cross, square] = [0, 0];
  direction.forEach((d, k) => {
    const share = k === width - 1 ? biasShare : 1;
    cross += share * weights[k]! * d;
    square += share * d * d;
  });
  const slopeAt = (t: number): number => {
    let slope = cross + t * square;
    for (let row = 0; row < labels.length; row++) {
      const y = labels[row]!;
      if (y === 0) continue;
      slope -= y * along[row]! * coefficientOf(costs[row]!, y * (values[row]! + t * along[row]!));
    }
    return slope;
  };
  const first = slopeAt(0);
  if (!(first < 0)) return 0;
  let [low, lowSlope, high, highSlope] = [0, first, Infinity, 0];
  let t = 1;
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    const slope = slopeAt(t);
    if (Math.abs(slope) <= -FLAT * first) return t;
    if (slope < 0) [low, lowSlope] = [t, slope];
    else [high, highSlope] = [t, slope];
    if (high === Infinity) t *= 2;
    else t = low + Math.min(0.9, Math.max(0.1, lowSlope / (lowSlope - highSlope))) * (high - low);
  }
  return t;
};

/** One step of each state. */
const advance = async (p: Problem, states: readonly State[]): Promise<void> => {
  const group = Math.max(1, Math.floor(HESSIAN_BYTES / 8 / p.width ** 2));
  const directions: Float64Array[] = [];
  for (let from = 0; from < states.length; from += group) {
    const own = states.slice(from, from + group);
    const hessians = await hessiansOf(p, own);
    directions.push(...own.map(({ gradient }, s) => directionOf(hessians[s]!, gradient)));
  }
  const alongs = await valuesOf(p, directions);
  states.forEach((state, s) => {
    const [direction, along] = [directions[s]!, alongs[s]!];
    const t = stepOf(p, state, direction, along);
    direction.forEach((d, k) => (state.weights[k]! += t * d));
    along.forEach((f, row) => (state.values[row]! += t * f));
    state.steps++;
  });
};

const costsOf = (labels: Int8Array, C: number, settings: FullSettings): Float64Array => {
  const sides = sideWeights(labels, settings.classWeight);
  return Float64Array.from(labels, (y) => (y === 0 ? 0 : C * (y > 0 ? sides.positive : sides.negative)));
};

const stateOf = (p: Problem, labels: Int8Array, C: number, start?: NewtonStart): State => {
  const rows = labels.length;
  const costs = costsOf(labels, C, p.settings);
  return {
    ...{ labels, costs, coefficients: new Float64Array(rows), gradient: new Float64Array(p.width) },
    weights: start?.weights.slice() ?? new Float64Array(p.width),
    values: start?.values.slice() ?? new Float64Array(rows),
    ...{ steps: 0, certificate: undefined },
  };
};

/** Options of the solver. */
export interface NewtonOptions {
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

/**
 * Trains each class with its C, to the settings' duality gap.
 *
 * @param starts each class's solution for another C
 */
export const solveNewton = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: NewtonOptions,
  starts?: readonly NewtonStart[],
): Promise<{ readonly fit: Fit; readonly solutions: readonly NewtonStart[] }> => {
  const { columns } = descriptors;
  const p: Problem = {
    ...{ descriptors, settings, threads: options.threads ?? usableCores(), width: columns + 1 },
    tolerance: settings.resolved ? Math.min(RESOLVED, settings.tolerance) : settings.tolerance,
    biasShare: settings.bias === 'augmented' ? 1 : 0,
  };
  const states = classes.map(({ labels }, c) => stateOf(p, labels, Cs[c]!, starts?.[c]));
  await measure(p, states);
  for (let round = 0; ; round++) {
    const open = states.filter(({ certificate, steps }) => !certificate!.converged && steps < MOST_STEPS);
    options.onProgress?.({
      ...{ task: 'svm', done: states.length - open.length, total: states.length, unit: 'classes' },
      figures: { round },
    });
    if (open.length === 0) break;
    await advance(p, open);
    await measure(p, open);
  }
  const weights = { rows: classes.length, columns, data: new Float32Array(classes.length * columns) };
  states.forEach((state, c) => weights.data.set(state.weights.subarray(0, columns), c * columns));
  const fit = {
    ...{ solver: 'newton', weights, notes: [] },
    biases: Float32Array.from(states, (state) => settings.biasScale * state.weights[columns]!),
    certificates: states.map(({ certificate }) => certificate!),
  };
  return { fit, solutions: states };
};

/** Trains every class with its C; see {@link solveNewton}. */
export const fitNewton = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: NewtonOptions,
): Promise<Fit> => (await solveNewton(descriptors, classes, Cs, settings, options)).fit;
