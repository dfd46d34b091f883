// Pairs of coefficients within a block, moved so that their weighted sum stays: the unregularised bias.
import { SIZE, UPDATES } from './layout';

export function relaxPairs(
  m: i32,
  block: usize,
  local: usize,
  change: usize,
  y: usize,
  f: usize,
  alpha: usize,
  upper: usize,
  diagonal: usize,
  errors: usize,
  rise: usize,
  fall: usize,
  report: usize,
  steps: i32,
  enough: f64,
): void {
  const size = <usize>load<f64>(report + SIZE);
  const stride = (<usize>m) << 2;
  for (let i: usize = 0; i < size; i++) {
    const row = (<usize>load<i32>(block + (i << 2))) << 3;
    const yi = load<f64>(y + row);
    const a = load<f64>(alpha + row);
    const room = load<f64>(upper + row) - a;
    store<f64>(errors + (i << 3), yi - load<f64>(f + row) - yi * load<f64>(diagonal + row) * a);
    store<f64>(rise + (i << 3), yi > 0 ? room : a);
    store<f64>(fall + (i << 3), yi > 0 ? a : room);
  }
  let updates: i32 = 0;
  const even = size & ~1;
  while (updates < 2 * steps) {
    let first: usize = 0;
    let highest: f64 = -Infinity;
    let lowest: f64 = Infinity;
    for (let i: usize = 0; i < size; i++) {
      const e = load<f64>(errors + (i << 3));
      if (e > highest && load<f64>(rise + (i << 3)) > 0) {
        highest = e;
        first = i;
      }
      if (e < lowest && load<f64>(fall + (i << 3)) > 0) lowest = e;
    }
    if (!(highest - lowest > enough)) break;
    const at = local + first * stride;
    const extra = load<f64>(diagonal + ((<usize>load<i32>(block + (first << 2))) << 3));
    const own = <f64>load<f32>(at + (first << 2)) + extra;
    let second: usize = 0;
    let most: f64 = 0;
    let curvature: f64 = 1;
    for (let j: usize = 0; j < size; j++) {
      const difference = highest - load<f64>(errors + (j << 3));
      if (!(difference > 0 && load<f64>(fall + (j << 3)) > 0)) continue;
      const d = load<f64>(diagonal + ((<usize>load<i32>(block + (j << 2))) << 3));
      const bend =
        own + <f64>load<f32>(local + j * stride + (j << 2)) + d - 2 * <f64>load<f32>(at + (j << 2));
      const safe = bend > 1e-12 ? bend : 1e-12;
      const gain = (difference * difference) / safe;
      if (gain > most) {
        second = j;
        most = gain;
        curvature = safe;
      }
    }
    const free = (highest - load<f64>(errors + (second << 3))) / curvature;
    const step = min(min(free, load<f64>(rise + (first << 3))), load<f64>(fall + (second << 3)));
    store<f64>(rise + (first << 3), load<f64>(rise + (first << 3)) - step);
    store<f64>(fall + (first << 3), load<f64>(fall + (first << 3)) + step);
    store<f64>(rise + (second << 3), load<f64>(rise + (second << 3)) + step);
    store<f64>(fall + (second << 3), load<f64>(fall + (second << 3)) - step);
    const other = local + second * stride;
    const steps2 = f64x2.splat(step);
    for (let j: usize = 0; j < even; j += 2) {
      const a = f64x2.promote_low_f32x4(v128.load64_zero(at + (j << 2)));
      const b = f64x2.promote_low_f32x4(v128.load64_zero(other + (j << 2)));
      const to = errors + (j << 3);
      v128.store(to, f64x2.sub(v128.load(to), f64x2.mul(steps2, f64x2.sub(a, b))));
    }
    if (even < size) {
      const to = errors + (even << 3);
      const difference = <f64>load<f32>(at + (even << 2)) - <f64>load<f32>(other + (even << 2));
      store<f64>(to, load<f64>(to) - step * difference);
    }
    store<f64>(errors + (first << 3), load<f64>(errors + (first << 3)) - step * extra);
    const otherExtra = load<f64>(diagonal + ((<usize>load<i32>(block + (second << 2))) << 3));
    store<f64>(errors + (second << 3), load<f64>(errors + (second << 3)) + step * otherExtra);
    updates += 2;
  }
  for (let i: usize = 0; i < size; i++) {
    const row = (<usize>load<i32>(block + (i << 2))) << 3;
    const yi = load<f64>(y + row);
    const next = min(load<f64>((yi > 0 ? fall : rise) + (i << 3)), load<f64>(upper + row));
    store<f32>(change + (i << 2), <f32>((next - load<f64>(alpha + row)) * yi));
    store<f64>(alpha + row, next);
  }
  store<f64>(report + UPDATES, load<f64>(report + UPDATES) + <f64>updates);
}
