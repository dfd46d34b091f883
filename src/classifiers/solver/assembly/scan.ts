// One pass over all rows, two at a time: violations, their histogram and spread, both objectives, Σ y alpha, support vectors.
import { BALANCE, BUCKETS, DUAL, FREE, PRIMAL, SPREAD, SUPPORT, bucketOf, endPair } from './layout';

/** Counts a violation of a row that is not active. */
function count(v: f32, row: usize, member: usize, histogram: usize): void {
  if (v == 0 || load<u8>(member + row)) return;
  const slot = histogram + ((<usize>((v < 0 ? BUCKETS : 0) + bucketOf(abs<f32>(v)))) << 2);
  store<i32>(slot, load<i32>(slot) + 1);
}

/** The sum of two numbers. */
function sumOf(two: v128): f64 {
  return f64x2.extract_lane(two, 0) + f64x2.extract_lane(two, 1);
}

export function scan(
  n: i32,
  y: usize,
  f: usize,
  alpha: usize,
  upper: usize,
  cost: usize,
  diagonal: usize,
  violation: usize,
  histogram: usize,
  member: usize,
  report: usize,
  bias: f64,
  squared: i32,
): void {
  memory.fill(histogram, 0, 8 * BUCKETS);
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  const b = f64x2.splat(bias);
  const isSquared = squared ? i64x2.splat(-1) : i64x2.splat(0);
  let linear = zero;
  let quadratic = zero;
  let penalty = zero;
  let losses = zero;
  let balance = zero;
  let support: i32 = 0;
  let free: i32 = 0;
  let highest = f32x4.splat(0);
  let lowest = f32x4.splat(0);
  const rows = <usize>n;
  endPair(n, y);
  endPair(n, f);
  endPair(n, alpha);
  endPair(n, upper);
  endPair(n, cost);
  endPair(n, diagonal);
  for (let i: usize = 0; i < rows; i += 2) {
    const at = i << 3;
    const yi = v128.load(y + at);
    const a = v128.load(alpha + at);
    const most = v128.load(upper + at);
    const price = v128.load(cost + at);
    const extra = v128.load(diagonal + at);
    const margin = f64x2.mul(yi, f64x2.add(v128.load(f + at), b));
    const own = f64x2.mul(extra, a);
    const gradient = f64x2.add(f64x2.sub(margin, one), own);
    const isBelow = f64x2.lt(a, most);
    const isSupport = f64x2.gt(a, zero);
    const isViolated = v128.bitselect(isBelow, isSupport, f64x2.lt(gradient, zero));
    const v = f32x4.demote_f64x2_zero(v128.and(f64x2.mul(f64x2.neg(gradient), yi), isViolated));
    const slack = f64x2.pmax(f64x2.sub(one, margin), zero);
    const loss = v128.bitselect(f64x2.mul(slack, slack), slack, isSquared);
    losses = f64x2.add(losses, f64x2.mul(price, loss));
    linear = f64x2.add(linear, a);
    quadratic = f64x2.add(quadratic, f64x2.mul(a, margin));
    penalty = f64x2.add(penalty, f64x2.mul(own, a));
    balance = f64x2.add(balance, f64x2.mul(a, yi));
    support += popcnt(i64x2.bitmask(isSupport));
    free += popcnt(i64x2.bitmask(v128.and(isSupport, isBelow)));
    highest = f32x4.pmax(highest, v);
    lowest = f32x4.pmin(lowest, v);
    v128.store_lane<i64>(violation + (i << 2), v, 0);
    count(f32x4.extract_lane(v, 0), i, member, histogram);
    count(f32x4.extract_lane(v, 1), i + 1, member, histogram);
  }
  store<f64>(report + DUAL, sumOf(linear) - 0.5 * (sumOf(quadratic) + sumOf(penalty)));
  store<f64>(report + PRIMAL, 0.5 * sumOf(quadratic) + sumOf(losses));
  store<f64>(report + BALANCE, sumOf(balance));
  store<f64>(report + SUPPORT, <f64>support);
  store<f64>(report + FREE, <f64>free);
  const top = max<f32>(f32x4.extract_lane(highest, 0), f32x4.extract_lane(highest, 1));
  const bottom = min<f32>(f32x4.extract_lane(lowest, 0), f32x4.extract_lane(lowest, 1));
  store<f64>(report + SPREAD, <f64>(top - bottom));
}
