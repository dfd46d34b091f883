// A step of Newton's method for the free coefficients, those of active rows strictly between their bounds: their linear system by Cholesky's decomposition, in float32.
import { BALANCE, SIZE, UPDATES } from './layout';

/** Added to the diagonal, and the least pivot, as a share of the mean of the diagonal: more free rows than columns make it singular. */
const RIDGE: f32 = 2e-6;

/** Inner product of the first `bytes` of two vectors, which are zero up to the next four numbers behind them. */
function dot(a: usize, b: usize, bytes: usize): f32 {
  let sum = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) {
    sum = f32x4.add(sum, f32x4.mul(v128.load(a + k), v128.load(b + k)));
  }
  const two = f32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
  return f32x4.extract_lane(two, 0) + f32x4.extract_lane(two, 1);
}

/** a - factor · b, of the first `bytes`. */
function subtract(a: usize, factor: f32, b: usize, bytes: usize): void {
  const factors = f32x4.splat(factor);
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(a + k, f32x4.sub(v128.load(a + k), f32x4.mul(factors, v128.load(b + k))));
  }
}

/** Solves L·Lᵀ·x = v in place of v; behind `free` numbers, v has room for three. */
function solveFor(v: usize, factor: usize, free: usize, stride: usize): void {
  for (let k = free; k & 3; k++) store<f32>(v + (k << 2), 0);
  for (let i: usize = 0; i < free; i++) {
    const row = factor + i * stride;
    const at = i << 2;
    // The row's own pivot, and zeros, lie behind what is summed: leave v's later numbers out.
    const value = load<f32>(v + at);
    const whole = at & ~15;
    let sum = dot(row, v, whole);
    for (let k = whole; k < at; k += 4) sum += load<f32>(row + k) * load<f32>(v + k);
    store<f32>(v + at, (value - sum) / load<f32>(row + at));
  }
  for (let i = free; i > 0;) {
    i--;
    const row = factor + i * stride;
    const at = i << 2;
    const value = load<f32>(v + at) / load<f32>(row + at);
    const whole = at & ~15;
    subtract(v, value, row, whole);
    for (let k = whole; k < at; k += 4) store<f32>(v + k, load<f32>(v + k) - value * load<f32>(row + k));
    store<f32>(v + at, value);
  }
}

/** Σ of `free` numbers. */
function sumOf(v: usize, free: usize): f64 {
  let sum: f64 = 0;
  for (let i: usize = 0; i < free; i++) sum += <f64>load<f32>(v + (i << 2));
  return sum;
}

export function newton(
  m: i32,
  most: i32,
  active: usize,
  local: usize,
  change: usize,
  y: usize,
  f: usize,
  alpha: usize,
  upper: usize,
  diagonal: usize,
  list: usize,
  factor: usize,
  steps: usize,
  ones: usize,
  report: usize,
  bias: f64,
  biasSquared: f64,
): void {
  const size = <usize>load<f64>(report + SIZE);
  const wide = (<usize>m) << 2;
  let free: usize = 0;
  let mean: f64 = 0;
  for (let i: usize = 0; i < size; i++) {
    store<f32>(change + (i << 2), 0);
    const row = (<usize>load<i32>(active + (i << 2))) << 3;
    const a = load<f64>(alpha + row);
    if (!(a > 0 && a < load<f64>(upper + row)) || free == <usize>most) continue;
    store<i32>(list + (free << 2), <i32>i);
    const yi = load<f64>(y + row);
    const extra = load<f64>(diagonal + row);
    store<f32>(steps + (free << 2), <f32>(yi - load<f64>(f + row) - bias - yi * extra * a));
    store<f32>(ones + (free << 2), 1);
    mean += <f64>load<f32>(local + i * wide + (i << 2)) + extra + biasSquared;
    free++;
  }
  if (free == 0) return;
  const ridge = <f32>max(1e-30, (<f64>RIDGE * mean) / <f64>free);
  const stride = ((free + 3) & ~3) << 2;
  memory.fill(factor, 0, free * stride);
  for (let i: usize = 0; i < free; i++) {
    const own = <usize>load<i32>(list + (i << 2));
    const source = local + own * wide;
    const row = factor + i * stride;
    for (let j: usize = 0; j < i; j++) {
      const other = factor + j * stride;
      const value = load<f32>(source + ((<usize>load<i32>(list + (j << 2))) << 2)) + <f32>biasSquared;
      store<f32>(row + (j << 2), (value - dot(row, other, j << 2)) / load<f32>(other + (j << 2)));
    }
    const extra = load<f64>(diagonal + ((<usize>load<i32>(active + (own << 2))) << 3));
    const square = <f32>(<f64>load<f32>(source + (own << 2)) + extra + biasSquared) + ridge;
    store<f32>(row + (i << 2), sqrt<f32>(max(square - dot(row, row, i << 2), ridge)));
  }
  solveFor(steps, factor, free, stride);
  let shift: f64 = 0;
  if (biasSquared == 0) {
    solveFor(ones, factor, free, stride);
    shift = sumOf(steps, free) / sumOf(ones, free);
  }
  // As far as the first bound.
  let part: f64 = 1;
  for (let i: usize = 0; i < free; i++) {
    const row = (<usize>load<i32>(active + ((<usize>load<i32>(list + (i << 2))) << 2))) << 3;
    const step =
      (<f64>load<f32>(steps + (i << 2)) - shift * <f64>load<f32>(ones + (i << 2))) * load<f64>(y + row);
    const a = load<f64>(alpha + row);
    const room = step > 0 ? load<f64>(upper + row) - a : a;
    if (room < part * abs(step)) part = room / abs(step);
  }
  let balance = load<f64>(report + BALANCE);
  for (let i: usize = 0; i < free; i++) {
    const at = <usize>load<i32>(list + (i << 2));
    const row = (<usize>load<i32>(active + (at << 2))) << 3;
    const yi = load<f64>(y + row);
    const a = load<f64>(alpha + row);
    const step = part * (<f64>load<f32>(steps + (i << 2)) - shift * <f64>load<f32>(ones + (i << 2)));
    const next = max(0, min(load<f64>(upper + row), a + yi * step));
    store<f32>(change + (at << 2), <f32>((next - a) * yi));
    store<f64>(alpha + row, next);
    balance += (next - a) * yi;
  }
  store<f64>(report + BALANCE, balance);
  store<f64>(report + UPDATES, load<f64>(report + UPDATES) + <f64>free);
}
