// One binary linear SVM in its dual, on a growing set of active rows, until the duality gap proves the solution.
import { type Certificate, type FullSettings, gapWanted } from '../problem.js';
import type { Kernels } from './kernels.js';
import { REPORT, type Workspace } from './workspace.js';

/** Pairs moved at most before all rows are looked at again, for each active row. */
const PAIRS = 4;
/** Shares of the spread of errors to which a round brings it down: by how much the gap has to fall, within these limits. */
const REDUCTION = { resolved: 0.1, most: 0.3, least: 0.7 } as const;
/** Of what is wanted of the gap, what is aimed at. */
const AIM = 0.9;
/** Spread that is left where another C's solution was good enough, times this, is low enough for the next C's. */
const SETTLED = 3;
/** Violators that join the active set at a time: many where it is empty and for the first C, few where it comes from another C. */
const JOINING = { cold: 512, first: 128, warm: 32, later: 64 } as const;
/** While C is chosen fewer join: for the first C, the grid's smallest, copying their part of the Gram matrix takes longest. */
const JOINING_RESOLVED = { ...JOINING, cold: 192, first: 64 } as const;
/** Time of a step of Newton's method: this, times the cube of the free support vectors, is that of a coefficient's step, times the active rows. */
const NEWTON = 0.3;
/** Pairs moved after a step of Newton's method, for each free support vector, and at least: they bring rows in that violate. */
const AFTER_NEWTON = { each: 4, least: 32 } as const;
/** Active rows for each free support vector at most, beyond a few: those at a bound mostly stay there, and are let go. */
const MOST_ACTIVE = 1.5;
const FEW = { most: 256, share: 0.25 } as const; // The share: while C is chosen.
/** Rounds after which a problem is given up as not converging. */
const MOST_ROUNDS = 20_000;

/** What {@link solve} found out; `bias` is b, which `f` does not hold. */
type Solved = Certificate & { readonly bias: number };

/** Factors of C of the two sides for these labels. */
export const sideWeights = (
  labels: Int8Array | Float64Array,
  weights: FullSettings['classWeight'],
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
  w.report[REPORT.settled] = Infinity;
  w.member.fill(0);
};

/** Writes the costs of `C`; balanced weights are those of the workspace's labels unless given. */
export const setCosts = (
  w: Workspace,
  C: number,
  settings: FullSettings,
  weights = sideWeights(w.y, settings.classWeight),
): void => {
  const squared = settings.loss === 'squared-hinge';
  const { n, y, cost, upper, diagonal } = w;
  const [rising, falling] = [C * weights.positive, C * weights.negative];
  for (let i = 0; i < n; i++) {
    const yi = y[i]!;
    const price = yi === 0 ? 0 : yi > 0 ? rising : falling;
    cost[i] = price;
    upper[i] = squared && yi !== 0 ? Infinity : price;
    diagonal[i] = squared && yi !== 0 ? 1 / (2 * price) : 0;
  }
};

/** Σ y alpha. */
const balance = (w: Workspace): number => {
  const { n, y, alpha } = w;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += y[i]! * alpha[i]!;
  return sum;
};

/**
 * Lets go of active rows that are at a bound and content; where that is not enough, of any that are content, then of
 * any. At most `most` stay.
 */
const letGo = (w: Workspace, kernels: Kernels, most: number): void => {
  const size = w.report[REPORT.active]!;
  const rank = (row: number): number => {
    const a = w.alpha[row]!;
    return w.violation[row] !== 0 ? (a > 0 && a < w.upper[row]! ? 2 : 1) : 0;
  };
  let count = 0;
  for (const least of [2, 1]) {
    for (let i = 0; i < size && count < most; i++) {
      if (rank(w.active[i]!) === least) w.list[count++] = i;
    }
  }
  w.list.subarray(0, count).sort();
  kernels.keep(w, count);
};

/**
 * Warm start: the old solution, stretched by the factor that is best for the new costs among those that keep it in the
 * box. Decision values stretch with it, so this costs no row of the Gram matrix.
 */
const stretch = (w: Workspace, biasSquared: number): void => {
  let [linear, quadratic, limit] = [0, biasSquared * balance(w) ** 2, Infinity];
  const { n, y, f, alpha, upper, diagonal } = w;
  for (let i = 0; i < n; i++) {
    const a = alpha[i]!;
    if (a === 0) continue;
    linear += a;
    quadratic += a * y[i]! * f[i]! + diagonal[i]! * a * a;
    if (upper[i]! < limit * a) limit = upper[i]! / a;
  }
  if (linear === 0) return;
  // Where w is zero, rounding can leave its square negative.
  const factor = Math.min(quadratic > 0 ? linear / quadratic : Infinity, limit);
  for (let i = 0; i < n; i++) {
    alpha[i] = Math.min(alpha[i]! * factor, upper[i]!);
    f[i]! *= factor;
  }
};

/** One round: the strongest violators join, the active rows are solved for down to a share of the spread, all decision values follow. */
const round = (
  w: Workspace,
  kernels: Kernels,
  bias: number,
  biasSquared: number,
  rounds: number,
  share: number,
  resolved = false,
  pairs?: typeof AFTER_NEWTON,
): void => {
  const settled = w.report[REPORT.settled]!;
  const first = settled === Infinity ? 'first' : 'later';
  const stage = rounds > 0 ? first : w.report[REPORT.active] === 0 ? 'cold' : 'warm';
  const joining = Math.min((resolved ? JOINING_RESOLVED : JOINING)[stage], (w.m - 1) >> 1);
  const few = resolved ? Math.min(FEW.most, FEW.share * w.n) : FEW.most;
  // One place is the bias's.
  const room = Math.min(w.m - 1, Math.max(few, MOST_ACTIVE * w.report[REPORT.free]!) + joining);
  if (w.report[REPORT.active]! + joining > room) letGo(w, kernels, room - joining);
  kernels.pick(w, joining);
  kernels.gather(w, biasSquared);
  const enough = Math.min(share * w.report[REPORT.spread]!, SETTLED * settled);
  const most =
    pairs === undefined
      ? PAIRS * w.report[REPORT.active]!
      : Math.max(pairs.least, pairs.each * w.report[REPORT.free]!);
  kernels.relax(w, bias, biasSquared, most, enough);
  kernels.update(w);
};

/** Whether pairs have taken as long, since `updates` steps, as a step of Newton's method does. */
const isNewtonsTurn = (w: Workspace, updates: number): boolean => {
  const { [REPORT.free]: free = 0, [REPORT.active]: active = 0 } = w.report;
  return free > 0 && free <= w.mostFree && updates * active >= NEWTON * free ** 3;
};

/** Rounds spent on a block of rows that are part of a larger problem, and how far to bring its violations down. */
const BLOCK_ROUNDS = 10;
const BLOCK_REDUCTION = 0.05;

/**
 * Solves for these rows while the rest of the problem stays (after {@link setLabels} and {@link setCosts}, `alpha` and
 * `f` filled in); the augmented bias, whose value is given and returned, moves too.
 */
export const relaxFrom = (w: Workspace, kernels: Kernels, bias: number, settings: FullSettings): number => {
  const biasSquared = settings.biasScale ** 2;
  const others = bias - biasSquared * balance(w);
  let enough = 0;
  for (let rounds = 0; ; rounds++) {
    const now = others + biasSquared * balance(w);
    kernels.scan(w, now, settings.loss === 'squared-hinge');
    const worst = w.report[REPORT.spread]!;
    if (rounds === 0) enough = BLOCK_REDUCTION * worst;
    if (worst <= enough || rounds === BLOCK_ROUNDS) return now;
    round(w, kernels, now, biasSquared, rounds, REDUCTION.most);
  }
};

/** Number, sum and sum of squares of the decision values, without the bias. */
const valuesOf = ({ n, f }: Workspace): { rows: number; sum: number; squares: number } => {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < n; i++) {
    sum += f[i]!;
    squares += f[i]! * f[i]!;
  }
  return { rows: n, sum, squares };
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
  w.report[REPORT.balance] = balance(w);
  /** Steps of single coefficients up to the last step of Newton's method; undefined before the first. */
  let newton: number | undefined;
  const begun = w.report[REPORT.updates]!;
  for (let rounds = 0; ; rounds++) {
    const bias = augmented ? biasSquared * w.report[REPORT.balance]! : kernels.middle(w);
    kernels.scan(w, bias, squared);
    const primal = w.report[REPORT.primal]!;
    const dual = w.report[REPORT.dual]!;
    const gap = primal > 0 ? Math.max(0, primal - dual) / primal : 0;
    const wanted =
      gap <= settings.tolerance ? gapWanted(settings, primal, () => valuesOf(w)) : settings.tolerance;
    const converged = gap <= wanted;
    const updates = w.report[REPORT.updates]!;
    if (converged || rounds >= MOST_ROUNDS) {
      const supportVectors = w.report[REPORT.supportVectors]!;
      w.report[REPORT.settled] = w.report[REPORT.spread]!;
      return { primal, dual, gap, converged, supportVectors, updates, bias };
    }
    if (settings.resolved && isNewtonsTurn(w, updates - (newton ?? begun))) {
      kernels.newton(w, bias, biasSquared);
      kernels.update(w);
      newton = w.report[REPORT.updates]!;
      continue;
    }
    const share = Math.min(
      REDUCTION.least,
      Math.max(settings.resolved ? REDUCTION.resolved : REDUCTION.most, (AIM * wanted) / gap),
    );
    const most = newton === undefined ? undefined : AFTER_NEWTON;
    round(w, kernels, bias, biasSquared, rounds, share, settings.resolved, most);
  }
};
