// The unregularised bias: half-way between the largest error of a row whose y alpha may rise and the smallest of one that may fall.
import { endPair } from './layout';

export function middle(n: i32, y: usize, f: usize, alpha: usize, upper: usize, diagonal: usize): f64 {
  const zero = f64x2.splat(0);
  const highestNone = f64x2.splat(-Infinity);
  const lowestNone = f64x2.splat(Infinity);
  let highs = highestNone;
  let lows = lowestNone;
  const end = (<usize>n) << 3;
  endPair(n, y); // Neither rises nor falls.
  for (let at: usize = 0; at < end; at += 16) {
    const yi = v128.load(y + at);
    const a = v128.load(alpha + at);
    const most = v128.load(upper + at);
    const extra = v128.load(diagonal + at);
    const value = v128.load(f + at);
    const error = f64x2.sub(f64x2.sub(yi, value), f64x2.mul(f64x2.mul(yi, extra), a));
    const isPositive = f64x2.gt(yi, zero);
    const isNegative = f64x2.lt(yi, zero);
    const isBelow = f64x2.lt(a, most);
    const isSupport = f64x2.gt(a, zero);
    const mayRise = v128.or(v128.and(isPositive, isBelow), v128.and(isNegative, isSupport));
    const mayFall = v128.or(v128.and(isPositive, isSupport), v128.and(isNegative, isBelow));
    highs = f64x2.pmax(highs, v128.bitselect(error, highestNone, mayRise));
    lows = f64x2.pmin(lows, v128.bitselect(error, lowestNone, mayFall));
  }
  const highest = max<f64>(f64x2.extract_lane(highs, 0), f64x2.extract_lane(highs, 1));
  const lowest = min<f64>(f64x2.extract_lane(lows, 0), f64x2.extract_lane(lows, 1));
  return (highest + lowest) / 2;
}
