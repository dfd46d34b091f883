// The hot loops of the dual solver, in plain TypeScript: what runs where WebAssembly SIMD is missing.
import { BUCKETS, REPORT, type Workspace } from './workspace.js';

/** The loops, each over one workspace. The WebAssembly module has the same, with the same results up to rounding. */
export interface Kernels {
  /**
   * Writes violations, their histogram, both objectives, Σ y alpha and the support vectors' count. `offset` is added to
   * all decision values: the unregularised bias.
   */
  scan(w: Workspace, offset: number, squared: boolean): void;
  /** Picks the strongest violators of both signs into `block`; their number goes to `report`. */
  pick(w: Workspace): void;
  /** Copies the block's part of the Gram matrix to `local` and clears `drift` and `change`. */
  gather(w: Workspace, biasSquared: number): void;
  /** Coordinate descent within the block: at most `sweeps` rounds, or until the worst violation is below `enough`. */
  relax(w: Workspace, sweeps: number, enough: number): void;
  /** The same for the unregularised bias: pairs of coefficients move so that Σ y alpha stays, at most `steps` times. */
  relaxPairs(w: Workspace, steps: number, enough: number): void;
  /** Adds the block's change to the decision values of all rows. */
  update(w: Workspace, biasSquared: number): void;
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

const bucketOf = (size: number): number => {
  float[0] = size;
  return bits[0]! >>> 19;
};

const scan = (w: Workspace, offset: number, squared: boolean): void => {
  const { n, y, f, alpha, upper, cost, diagonal, violation, histogram, report } = w;
  histogram.fill(0);
  let [linear, quadratic, penalty, losses, support, balance] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const yi = y[i]!;
    const a = alpha[i]!;
    const margin = yi * (f[i]! + offset);
    const gradient = margin - 1 + diagonal[i]! * a;
    let v = 0;
    if (yi !== 0) {
      if (gradient < 0 ? a < upper[i]! : a > 0) v = -gradient * yi;
      const slack = Math.max(0, 1 - margin);
      losses += cost[i]! * (squared ? slack * slack : slack);
    }
    if (a > 0) {
      linear += a;
      quadratic += a * margin;
      penalty += diagonal[i]! * a * a;
      balance += a * yi;
      support++;
    }
    violation[i] = v;
    if (v > 0) histogram[bucketOf(v)]!++;
    else if (v < 0) histogram[BUCKETS + bucketOf(-v)]!++;
  }
  quadratic -= offset * balance;
  report[REPORT.dual] = linear - 0.5 * (quadratic + penalty);
  report[REPORT.primal] = 0.5 * quadratic + losses;
  report[REPORT.balance] = balance;
  report[REPORT.supportVectors] = support;
};

/** How many of the `side`'s violators there are, up to `most`. */
const countSide = (histogram: Int32Array, side: number, most: number): number => {
  let count = 0;
  for (let b = 1; b < BUCKETS && count < most; b++) count += histogram[side * BUCKETS + b]!;
  return Math.min(count, most);
};

/** The lowest bucket of which all higher ones are taken whole, and how many to take of it. */
const threshold = (histogram: Int32Array, side: number, wanted: number): [bucket: number, rest: number] => {
  let left = wanted;
  for (let b = BUCKETS - 1; b > 0; b--) {
    const count = histogram[side * BUCKETS + b]!;
    if (count >= left) return [b, left];
    left -= count;
  }
  return [0, 0];
};

const pick = (w: Workspace): void => {
  const { n, m, violation, histogram, block, report } = w;
  const [ups, downs] = [countSide(histogram, 0, m), countSide(histogram, 1, m)];
  const half = m >> 1;
  const up = Math.min(ups, Math.max(half, m - downs));
  const [upBucket, upRest] = threshold(histogram, 0, up);
  const [downBucket, downRest] = threshold(histogram, 1, Math.min(downs, m - up));
  let [upLeft, downLeft, size] = [upRest, downRest, 0];
  for (let i = 0; i < n; i++) {
    const v = violation[i]!;
    if (v === 0) continue;
    const bucket = bucketOf(Math.abs(v));
    if (bucket === 0) continue;
    const least = v > 0 ? upBucket : downBucket;
    if (bucket < least || (v > 0 ? up : downs) === 0) continue;
    if (bucket === least && (v > 0 ? upLeft-- : downLeft--) <= 0) continue;
    if (size < m) block[size++] = i;
  }
  report[REPORT.blockSize] = size;
};

const gather = (w: Workspace, biasSquared: number): void => {
  const { n, m, gram, block, local, drift, change } = w;
  const size = w.report[REPORT.blockSize]!;
  for (let i = 0; i < size; i++) {
    const row = block[i]! * n;
    for (let j = 0; j < size; j++) local[i * m + j] = gram[row + block[j]!]! + biasSquared;
    for (let j = size; j < m; j++) local[i * m + j] = 0;
  }
  drift.fill(0);
  change.fill(0);
};

const relax = (w: Workspace, sweeps: number, enough: number): void => {
  const { m, block, local, drift, change, y, f, alpha, upper, diagonal, report } = w;
  const size = report[REPORT.blockSize]!;
  let updates = 0;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let worst = 0;
    for (let i = 0; i < size; i++) {
      const row = block[i]!;
      const yi = y[row]!;
      const a = alpha[row]!;
      const gradient = yi * (f[row]! + drift[i]!) - 1 + diagonal[row]! * a;
      if (gradient < 0 ? a >= upper[row]! : a <= 0) continue;
      worst = Math.max(worst, Math.abs(gradient));
      const curvature = local[i * m + i]! + diagonal[row]!;
      const free = curvature > 0 ? a - gradient / curvature : gradient < 0 ? Infinity : 0;
      const next = Math.min(Math.max(free, 0), upper[row]!);
      const step = Math.fround((next - a) * yi);
      if (step === 0 || !Number.isFinite(next)) continue;
      alpha[row] = next;
      change[i]! += step;
      updates++;
      const at = i * m;
      for (let j = 0; j < size; j++) drift[j]! += step * local[at + j]!;
    }
    if (worst <= enough) break;
  }
  report[REPORT.updates]! += updates;
};

const relaxPairs = (w: Workspace, steps: number, enough: number): void => {
  const { m, block, local, change, y, f, alpha, upper, diagonal, errors, rise, fall, report } = w;
  const size = report[REPORT.blockSize]!;
  for (let i = 0; i < size; i++) {
    const row = block[i]!;
    const [yi, a] = [y[row]!, alpha[row]!];
    errors[i] = yi - f[row]! - yi * diagonal[row]! * a;
    rise[i] = yi > 0 ? upper[row]! - a : a;
    fall[i] = yi > 0 ? a : upper[row]! - a;
  }
  let updates = 0;
  while (updates < 2 * steps) {
    let [first, highest, lowest] = [-1, -Infinity, Infinity];
    for (let i = 0; i < size; i++) {
      if (rise[i]! > 0 && errors[i]! > highest) [first, highest] = [i, errors[i]!];
      if (fall[i]! > 0 && errors[i]! < lowest) lowest = errors[i]!;
    }
    if (!(highest - lowest > enough)) break;
    const at = first * m;
    const own = local[at + first]! + diagonal[block[first]!]!;
    let [second, most, curvature] = [-1, 0, 1];
    for (let j = 0; j < size; j++) {
      const difference = highest - errors[j]!;
      if (!(fall[j]! > 0 && difference > 0)) continue;
      const bend = own + local[j * m + j]! + diagonal[block[j]!]! - 2 * local[at + j]!;
      const safe = bend > 1e-12 ? bend : 1e-12;
      const gain = (difference * difference) / safe;
      if (gain > most) [second, most, curvature] = [j, gain, safe];
    }
    const free = (highest - errors[second]!) / curvature;
    const step = Math.min(free, rise[first]!, fall[second]!);
    rise[first]! -= step;
    fall[first]! += step;
    rise[second]! += step;
    fall[second]! -= step;
    const other = second * m;
    for (let j = 0; j < size; j++) errors[j]! -= step * (local[at + j]! - local[other + j]!);
    errors[first]! -= step * diagonal[block[first]!]!;
    errors[second]! += step * diagonal[block[second]!]!;
    updates += 2;
  }
  for (let i = 0; i < size; i++) {
    const row = block[i]!;
    const next = Math.min(y[row]! > 0 ? fall[i]! : rise[i]!, upper[row]!);
    change[i] = (next - alpha[row]!) * y[row]!;
    alpha[row] = next;
  }
  report[REPORT.updates]! += updates;
};

const update = (w: Workspace, biasSquared: number): void => {
  const { n, gram, f, block, change } = w;
  const size = w.report[REPORT.blockSize]!;
  let total = 0;
  for (let i = 0; i < size; i++) {
    const step = change[i]!;
    if (step === 0) continue;
    total += step;
    const at = block[i]! * n;
    for (let j = 0; j < n; j++) f[j]! += step * gram[at + j]!;
  }
  for (let j = 0; j < n; j++) f[j]! += total * biasSquared;
};

/** The loops in plain TypeScript. */
export const plainKernels: Kernels = { scan, pick, gather, relax, relaxPairs, update };
