// The inner loops of the dual solver in plain TypeScript, for systems without WebAssembly SIMD.
import { BUCKETS, REPORT, type Workspace } from './workspace.js';

/**
 * The loops, each over one workspace. The WebAssembly module has the same loops, with the same results up to
 * rounding.
 */
export interface Kernels {
  /** Writes violations, their histogram and spread, both objectives, Σ y alpha and the support vectors' count, given the bias. */
  scan(w: Workspace, bias: number, squared: boolean): void;
  /**
   * The unregularised bias at this point: half-way between the largest error y - f of a row whose y alpha may rise and the
   * smallest of one that may fall; at the optimum they meet.
   */
  middle(w: Workspace): number;
  /** Adds the strongest inactive violators to the active set: at most `most`, about half of each sign. */
  pick(w: Workspace, most: number): void;
  /** Copies the new active rows' part of the Gram matrix to `local`. */
  gather(w: Workspace, biasSquared: number): void;
  /** Keeps only the `count` active rows whose positions are in `list`, ascending. */
  keep(w: Workspace, count: number): void;
  /**
   * Solves for the active rows: moves the pair of coefficients that gains most, so that the sum of y alpha
   * stays, at most `steps` times or until no pair's errors differ by more than `enough`. The augmented bias
   * (`biasSquared` above 0) takes part as one more coefficient that has no bounds: it holds minus the sum of
   * the others. Updates the report's balance.
   */
  relax(w: Workspace, bias: number, biasSquared: number, steps: number, enough: number): void;
  /**
   * A step of Newton's method for the free coefficients, those of active rows strictly between their bounds (`mostFree` of
   * them at most), as far as the first bound. Without the augmented bias the sum of y alpha stays.
   */
  newton(w: Workspace, bias: number, biasSquared: number): void;
  /** Adds the active rows' changes to the decision values of all rows. */
  update(w: Workspace): void;
}

/** The minimum curvature of a pair, for equal rows. */
const LEAST_BEND = 1e-12;

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

const bucketOf = (size: number): number => {
  float[0] = size;
  return bits[0]! >>> 19;
};

const scan = (w: Workspace, bias: number, squared: boolean): void => {
  const { n, y, f, alpha, upper, cost, diagonal, violation, histogram, member, report } = w;
  histogram.fill(0);
  let [linear, quadratic, penalty, losses, support, free, balance] = [0, 0, 0, 0, 0, 0, 0];
  let [highest, lowest] = [0, 0];
  for (let i = 0; i < n; i++) {
    const yi = y[i]!;
    const a = alpha[i]!;
    const margin = yi * (f[i]! + bias);
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
      if (a < upper[i]!) free++;
    }
    violation[i] = v;
    if (v > highest) highest = v;
    else if (v < lowest) lowest = v;
    if (member[i]) continue;
    if (v > 0) histogram[bucketOf(v)]!++;
    else if (v < 0) histogram[BUCKETS + bucketOf(-v)]!++;
  }
  report[REPORT.dual] = linear - 0.5 * (quadratic + penalty);
  report[REPORT.primal] = 0.5 * quadratic + losses;
  report[REPORT.balance] = balance;
  report[REPORT.supportVectors] = support;
  report[REPORT.free] = free;
  report[REPORT.spread] = highest - lowest;
};

const middle = (w: Workspace): number => {
  const { n, y, f, alpha, upper, diagonal } = w;
  let highest = -Infinity;
  let lowest = Infinity;
  for (let i = 0; i < n; i++) {
    const yi = y[i]!;
    if (yi === 0) continue;
    const a = alpha[i]!;
    const error = yi - f[i]! - yi * diagonal[i]! * a;
    // Most rows change neither: their coefficients are read only if they would.
    if (error > highest && (yi > 0 ? a < upper[i]! : a > 0)) highest = error;
    if (error < lowest && (yi > 0 ? a > 0 : a < upper[i]!)) lowest = error;
  }
  return (highest + lowest) / 2;
};

/** Number of violators on `side`, up to `most`. */
const countSide = (histogram: Int32Array, side: number, most: number): number => {
  let count = 0;
  for (let b = 1; b < BUCKETS && count < most; b++) count += histogram[side * BUCKETS + b]!;
  return Math.min(count, most);
};

/** The lowest bucket taken, after all higher ones, and how many rows to take from it. */
const threshold = (histogram: Int32Array, side: number, wanted: number): [bucket: number, rest: number] => {
  let left = wanted;
  for (let b = BUCKETS - 1; b > 0; b--) {
    const count = histogram[side * BUCKETS + b]!;
    if (count >= left) return [b, left];
    left -= count;
  }
  return [0, 0];
};

const pick = (w: Workspace, most: number): void => {
  const { n, violation, histogram, active, member, report } = w;
  const [ups, downs] = [countSide(histogram, 0, most), countSide(histogram, 1, most)];
  const up = Math.min(ups, Math.max(most >> 1, most - downs));
  const down = Math.min(downs, most - up);
  const [upBucket, upRest] = threshold(histogram, 0, up);
  const [downBucket, downRest] = threshold(histogram, 1, down);
  let [upLeft, downLeft, size] = [upRest, downRest, report[REPORT.active]!];
  for (let i = 0; i < n; i++) {
    const v = violation[i]!;
    if (v === 0 || member[i]) continue;
    const bucket = bucketOf(Math.abs(v));
    if (bucket === 0 || (v > 0 ? up : down) === 0) continue;
    const least = v > 0 ? upBucket : downBucket;
    if (bucket < least || (bucket === least && (v > 0 ? upLeft-- : downLeft--) <= 0)) continue;
    active[size++] = i;
    member[i] = 1;
  }
  report[REPORT.active] = size;
};

const gather = (w: Workspace, biasSquared: number): void => {
  const { n, m, gram, active, local, report } = w;
  const [size, done] = [report[REPORT.active]!, report[REPORT.gathered]!];
  for (let i = done; i < size; i++) {
    const row = active[i]! * n;
    for (let j = 0; j <= i; j++) {
      const value = gram[row + active[j]!]!;
      local[i * m + j] = value;
      local[j * m + i] = value;
    }
  }
  for (let j = 0; j < size; j++) local[size * m + j] = local[j * m + size] = 0;
  local[size * m + size] = biasSquared;
  report[REPORT.gathered] = size;
};

const keep = (w: Workspace, count: number): void => {
  const { m, active, member, local, list, report } = w;
  for (let i = 0; i < report[REPORT.active]!; i++) member[active[i]!] = 0;
  for (let i = 0; i < count; i++) {
    const from = list[i]!;
    active[i] = active[from]!;
    member[active[i]!] = 1;
    for (let j = 0; j < count; j++) local[i * m + j] = local[from * m + list[j]!]!;
  }
  report[REPORT.active] = report[REPORT.gathered] = count;
};

/** Fills in the active rows' errors, limits and curvatures; returns the number of coefficients, the bias among them. */
const prepare = (w: Workspace, bias: number, biasSquared: number): number => {
  const { m, active, local, y, f, alpha, upper, diagonal, errors, rise, fall, bends, report } = w;
  const size = report[REPORT.active]!;
  for (let i = 0; i < size; i++) {
    const row = active[i]!;
    const [yi, a] = [y[row]!, alpha[row]!];
    errors[i] = yi - f[row]! - bias - yi * diagonal[row]! * a;
    rise[i] = yi > 0 ? upper[row]! - a : a;
    fall[i] = yi > 0 ? a : upper[row]! - a;
    bends[i] = local[i * m + i]! + diagonal[row]!;
  }
  if (biasSquared === 0) return size;
  errors[size] = 0;
  rise[size] = fall[size] = Infinity;
  bends[size] = biasSquared;
  return size + 1;
};

const relax = (w: Workspace, bias: number, biasSquared: number, steps: number, enough: number): void => {
  const { m, active, local, change, y, alpha, upper, diagonal, errors, rise, fall, bends, report } = w;
  const size = report[REPORT.active]!;
  const count = prepare(w, bias, biasSquared);
  let updates = 0;
  for (let step = 0; step < steps; step++) {
    let [first, highest, lowest] = [-1, -Infinity, Infinity];
    for (let i = 0; i < count; i++) {
      if (rise[i]! > 0 && errors[i]! > highest) [first, highest] = [i, errors[i]!];
      if (fall[i]! > 0 && errors[i]! < lowest) lowest = errors[i]!;
    }
    if (!(highest - lowest > enough)) break;
    const at = first * m;
    let [second, most, curvature] = [-1, 0, 1];
    for (let j = 0; j < count; j++) {
      const difference = highest - errors[j]!;
      if (!(fall[j]! > 0 && difference > 0)) continue;
      const bend = Math.max(bends[first]! + bends[j]! - 2 * local[at + j]!, LEAST_BEND);
      const gain = (difference * difference) / bend;
      if (gain > most) [second, most, curvature] = [j, gain, bend];
    }
    const free = (highest - errors[second]!) / curvature;
    const move = Math.min(free, rise[first]!, fall[second]!);
    rise[first]! -= move;
    fall[first]! += move;
    rise[second]! += move;
    fall[second]! -= move;
    const other = second * m;
    for (let j = 0; j < count; j++) errors[j]! -= move * (local[at + j]! - local[other + j]!);
    if (first < size) errors[first]! -= move * diagonal[active[first]!]!;
    if (second < size) errors[second]! += move * diagonal[active[second]!]!;
    updates += 2;
  }
  for (let i = 0; i < size; i++) {
    const row = active[i]!;
    const next = Math.min(y[row]! > 0 ? fall[i]! : rise[i]!, upper[row]!);
    const step = (next - alpha[row]!) * y[row]!;
    change[i] = step;
    alpha[row] = next;
    report[REPORT.balance]! += step;
  }
  report[REPORT.updates]! += updates;
};

/** Added to the diagonal of Newton's system, and its least pivot, as a share of the mean of the diagonal. */
const RIDGE = 2e-6;

/** The lower triangle L of a symmetric matrix = L·Lᵀ, in place. */
const decompose = (a: Float64Array, size: number, least: number): void => {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let value = a[i * size + j]!;
      for (let k = 0; k < j; k++) value -= a[i * size + k]! * a[j * size + k]!;
      a[i * size + j] = j < i ? value / a[j * size + j]! : Math.sqrt(Math.max(value, least));
    }
  }
};

/** Solves L·Lᵀ·x = v in place of v. */
const solveFor = (v: Float64Array, l: Float64Array): void => {
  const size = v.length;
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) v[i]! -= l[i * size + k]! * v[k]!;
    v[i]! /= l[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    v[i]! /= l[i * size + i]!;
    for (let k = 0; k < i; k++) v[k]! -= v[i]! * l[i * size + k]!;
  }
};

const newton = (w: Workspace, bias: number, biasSquared: number): void => {
  const { m, active, local, change, y, f, alpha, upper, diagonal, report } = w;
  const size = report[REPORT.active]!;
  change.fill(0, 0, size);
  const places = Array.from({ length: size }, (_, i) => i)
    .filter((i) => alpha[active[i]!]! > 0 && alpha[active[i]!]! < upper[active[i]!]!)
    .slice(0, w.mostFree);
  const rows = places.map((at) => active[at]!);
  const free = rows.length;
  if (free === 0) return;
  const system = new Float64Array(free * free);
  let mean = 0;
  places.forEach((at, i) => {
    places.forEach((other, j) => (system[i * free + j] = local[at * m + other]! + biasSquared));
    mean += (system[i * free + i]! += diagonal[rows[i]!]!) / free;
  });
  const ridge = Math.max(1e-30, RIDGE * mean);
  for (let i = 0; i < free; i++) system[i * free + i]! += ridge;
  decompose(system, free, ridge);
  const steps = Float64Array.from(rows, (r) => y[r]! - f[r]! - bias - y[r]! * diagonal[r]! * alpha[r]!);
  solveFor(steps, system);
  if (biasSquared === 0) {
    const ones = new Float64Array(free).fill(1);
    solveFor(ones, system);
    const shift = steps.reduce((a, b) => a + b) / ones.reduce((a, b) => a + b);
    steps.forEach((step, i) => (steps[i] = step - shift * ones[i]!));
  }
  let part = 1;
  rows.forEach((r, i) => {
    const step = steps[i]! * y[r]!;
    const room = step > 0 ? upper[r]! - alpha[r]! : alpha[r]!;
    if (room < part * Math.abs(step)) part = room / Math.abs(step);
  });
  rows.forEach((r, i) => {
    const before = alpha[r]!;
    alpha[r] = Math.max(0, Math.min(upper[r]!, before + part * steps[i]! * y[r]!));
    change[places[i]!] = (alpha[r] - before) * y[r]!;
    report[REPORT.balance]! += (alpha[r] - before) * y[r]!;
  });
  report[REPORT.updates]! += free;
};

const update = (w: Workspace): void => {
  const { n, gram, f, active, change } = w;
  const size = w.report[REPORT.active]!;
  for (let i = 0; i < size; i++) {
    const step = change[i]!;
    if (step === 0) continue;
    const at = active[i]! * n;
    for (let j = 0; j < n; j++) f[j]! += step * gram[at + j]!;
  }
};

/** The loops in plain TypeScript. */
export const plainKernels: Kernels = { scan, middle, pick, gather, keep, relax, newton, update };
