// One binary linear SVM in its dual, by blocks of the strongest violators, until the duality gap proves the solution.
import type { Certificate, FullSettings } from '../problem.js';
import type { Kernels } from './kernels.js';
import { REPORT, type Workspace } from './workspace.js';

/** Pairs moved within a block at most, for each of its rows, and how far they bring its errors' spread down. */
const PAIRS = 4;
const REDUCTION = 0.1;
/** Blocks after which a problem is given up as not converging. */
const MOST_BLOCKS = 20_000;

/** What {@link solve} found out; `bias` is b, which `f` does not hold. */
export type Solved = Certificate & { readonly bias: number };

/** Factors of C of the two sides for these labels. */
export const sideWeights = (
  labels: Int8Array,
  weights: FullSettings['classWeights'],
): { positive: number; negative: number } => {
  if (weights !== 'balanced') return weights;
  let [positive, negative] = [0, 0];
  for (const y of labels) {
    if (y > 0) positive++;
    else if (y < 0) negative++;
  }
  const rows = positive + negative;
  return { positive: rows / (2 * positive), negative: rows / (2 * negative) };
};

/** Writes a class's labels to the workspace and starts from zero. `held` rows do not train. */
export const setLabels = (w: Workspace, labels: Int8Array, held?: Uint8Array): void => {
  for (let i = 0; i < w.n; i++) w.y[i] = held?.[i] ? 0 : labels[i]!;
  w.alpha.fill(0);
  w.f.fill(0);
  w.report.fill(0);
};

/** Writes the costs of `C`. */
const setCosts = (w: Workspace, C: number, settings: FullSettings): void => {
  const weights = sideWeights(Int8Array.from(w.y), settings.classWeights);
  const squared = settings.loss === 'squared-hinge';
  for (let i = 0; i < w.n; i++) {
    const y = w.y[i]!;
    const cost = y === 0 ? 0 : C * (y > 0 ? weights.positive : weights.negative);
    w.cost[i] = cost;
    w.upper[i] = squared && y !== 0 ? Infinity : cost;
    w.diagonal[i] = squared && y !== 0 ? 1 / (2 * cost) : 0;
  }
};

/** Σ y alpha. */
const balance = (w: Workspace): number => {
  let sum = 0;
  for (let i = 0; i < w.n; i++) sum += w.y[i]! * w.alpha[i]!;
  return sum;
};

/** How far apart the block's strongest violations are. */
const spread = (w: Workspace): number => {
  let [highest, lowest] = [0, 0];
  for (let i = 0; i < w.report[REPORT.blockSize]!; i++) {
    const v = w.violation[w.block[i]!]!;
    highest = Math.max(highest, v);
    lowest = Math.min(lowest, v);
  }
  return highest - lowest;
};

/**
 * Warm start: the old solution, stretched by the factor that is best for the new costs among those that keep it in the
 * box. Decision values stretch with it, so this costs no row of the Gram matrix.
 */
const stretch = (w: Workspace, biasSquared: number): void => {
  let [linear, quadratic, limit] = [0, biasSquared * balance(w) ** 2, Infinity];
  for (let i = 0; i < w.n; i++) {
    const a = w.alpha[i]!;
    if (a === 0) continue;
    linear += a;
    quadratic += a * w.y[i]! * w.f[i]! + w.diagonal[i]! * a * a;
    limit = Math.min(limit, w.upper[i]! / a);
  }
  if (linear === 0) return;
  const factor = Math.min(linear / quadratic, limit);
  for (let i = 0; i < w.n; i++) {
    w.alpha[i] = Math.min(w.alpha[i]! * factor, w.upper[i]!);
    w.f[i]! *= factor;
  }
};

/**
 * The unregularised bias at this point: half-way between the largest error y - f of a row whose y alpha may rise and the
 * smallest of one that may fall; at the optimum they meet.
 */
const middle = (w: Workspace): number => {
  let [highest, lowest] = [-Infinity, Infinity];
  for (let i = 0; i < w.n; i++) {
    const y = w.y[i]!;
    if (y === 0) continue;
    const [a, u] = [w.alpha[i]!, w.upper[i]!];
    const error = y - w.f[i]! - y * w.diagonal[i]! * a;
    if (y > 0 ? a < u : a > 0) highest = Math.max(highest, error);
    if (y > 0 ? a > 0 : a < u) lowest = Math.min(lowest, error);
  }
  return (highest + lowest) / 2;
};

/**
 * Solves for `C` from where the workspace stands (after {@link setLabels}: from zero; after another C: warm).
 * Afterwards `alpha` and `f` (decision values of every row, without the bias) hold the solution.
 */
export const solve = (w: Workspace, kernels: Kernels, C: number, settings: FullSettings): Solved => {
  const augmented = settings.bias === 'augmented';
  const biasSquared = augmented ? settings.biasScale ** 2 : 0;
  const squared = settings.loss === 'squared-hinge';
  setCosts(w, C, settings);
  stretch(w, biasSquared);
  for (let blocks = 0; ; blocks++) {
    const bias = augmented ? biasSquared * balance(w) : middle(w);
    kernels.scan(w, bias, squared);
    const primal = w.report[REPORT.primal]!;
    const dual = w.report[REPORT.dual]!;
    const gap = primal > 0 ? (primal - dual) / primal : 0;
    const converged = gap <= settings.tolerance;
    kernels.pick(w);
    const size = w.report[REPORT.blockSize]!;
    if (converged || blocks >= MOST_BLOCKS || size === 0) {
      const supportVectors = w.report[REPORT.supportVectors]!;
      return { primal, dual, gap, converged, supportVectors, updates: w.report[REPORT.updates]!, bias };
    }
    kernels.gather(w, biasSquared);
    kernels.relax(w, bias, biasSquared, PAIRS * size, REDUCTION * spread(w));
    kernels.update(w);
  }
};
