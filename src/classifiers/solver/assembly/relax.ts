// Solves for the active rows, whose part of the Gram matrix lies in the processor's cache, by the pairs that gain most.
import { BALANCE, SIZE, UPDATES } from './layout';

/** The least curvature of a pair, for rows that are equal. */
const LEAST_BEND: f32 = 1e-12;

export function relax(
  m: i32,
  active: usize,
  local: usize,
  change: usize,
  y: usize,
  f: usize,
  alpha: usize,
  upper: usize,
  diagonal: usize,
  errors: usize,
  up: usize,
  down: usize,
  rise: usize,
  fall: usize,
  bends: usize,
  report: usize,
  bias: f64,
  biasSquared: f64,
  steps: i32,
  enough: f64,
): void {
  const size = <usize>load<f64>(report + SIZE);
  const stride = (<usize>m) << 2;
  memory.fill(up, 0, stride);
  memory.fill(down, 0, stride);
  memory.fill(errors, 0, stride);
  memory.fill(bends, 0, stride);
  for (let i: usize = 0; i < size; i++) {
    const row = (<usize>load<i32>(active + (i << 2))) << 3;
    const yi = load<f64>(y + row);
    const a = load<f64>(alpha + row);
    const room = load<f64>(upper + row) - a;
    const extra = load<f64>(diagonal + row);
    store<f32>(errors + (i << 2), <f32>(yi - load<f64>(f + row) - bias - yi * extra * a));
    store<f64>(rise + (i << 3), yi > 0 ? room : a);
    store<f64>(fall + (i << 3), yi > 0 ? a : room);
    mark(up, rise, i);
    mark(down, fall, i);
    store<f32>(bends + (i << 2), <f32>(<f64>load<f32>(local + i * stride + (i << 2)) + extra));
  }
  let count = size;
  if (biasSquared > 0) {
    store<f64>(rise + (size << 3), Infinity);
    store<f64>(fall + (size << 3), Infinity);
    mark(up, rise, size);
    mark(down, fall, size);
    store<f32>(bends + (size << 2), <f32>biasSquared);
    count++;
  }
  const end = ((count + 3) >> 2) << 4;
  const least = f32x4.splat(LEAST_BEND);
  const four = i32x4.splat(4);
  const highestNone = f32x4.splat(-Infinity);
  const lowestNone = f32x4.splat(Infinity);
  let updates: i32 = 0;
  let move: f32 = 0;
  let at = local;
  let other = local;
  while (true) {
    // The last pair's move changes all errors; on the way, the highest that may rise and the lowest that may fall.
    const moves = f32x4.splat(move);
    let highs = highestNone;
    let lows = lowestNone;
    let places = i32x4(0, 1, 2, 3);
    let index = places;
    for (let j: usize = 0; j < end; j += 16) {
      const difference = f32x4.sub(v128.load(at + j), v128.load(other + j));
      const e = f32x4.sub(v128.load(errors + j), f32x4.mul(moves, difference));
      v128.store(errors + j, e);
      const high = v128.bitselect(e, highestNone, v128.load(up + j));
      const low = v128.bitselect(e, lowestNone, v128.load(down + j));
      index = v128.bitselect(places, index, f32x4.gt(high, highs));
      highs = f32x4.pmax(highs, high);
      lows = f32x4.pmin(lows, low);
      places = i32x4.add(places, four);
    }
    let highest = f32x4.extract_lane(highs, 0);
    let first = <usize>i32x4.extract_lane(index, 0);
    const h1 = f32x4.extract_lane(highs, 1);
    if (h1 > highest) {
      highest = h1;
      first = <usize>i32x4.extract_lane(index, 1);
    }
    const h2 = f32x4.extract_lane(highs, 2);
    if (h2 > highest) {
      highest = h2;
      first = <usize>i32x4.extract_lane(index, 2);
    }
    const h3 = f32x4.extract_lane(highs, 3);
    if (h3 > highest) {
      highest = h3;
      first = <usize>i32x4.extract_lane(index, 3);
    }
    const lowest = min(
      min(f32x4.extract_lane(lows, 0), f32x4.extract_lane(lows, 1)),
      min(f32x4.extract_lane(lows, 2), f32x4.extract_lane(lows, 3)),
    );
    if (!(<f64>(highest - lowest) > enough) || updates >= 2 * steps) break;
    // Its partner: the one with which it gains most.
    at = local + first * stride;
    const tops = f32x4.splat(highest);
    const own = f32x4.splat(load<f32>(bends + (first << 2)));
    let gains = f32x4.splat(0);
    places = i32x4(0, 1, 2, 3);
    index = places;
    for (let j: usize = 0; j < end; j += 16) {
      const difference = f32x4.sub(tops, v128.load(errors + j));
      const k = v128.load(at + j);
      const bend = f32x4.pmax(least, f32x4.sub(f32x4.add(own, v128.load(bends + j)), f32x4.add(k, k)));
      const positive = v128.and(f32x4.pmax(difference, f32x4.splat(0)), v128.load(down + j));
      const gain = f32x4.div(f32x4.mul(positive, positive), bend);
      index = v128.bitselect(places, index, f32x4.gt(gain, gains));
      gains = f32x4.pmax(gains, gain);
      places = i32x4.add(places, four);
    }
    let most = f32x4.extract_lane(gains, 0);
    let second = <usize>i32x4.extract_lane(index, 0);
    const g1 = f32x4.extract_lane(gains, 1);
    if (g1 > most) {
      most = g1;
      second = <usize>i32x4.extract_lane(index, 1);
    }
    const g2 = f32x4.extract_lane(gains, 2);
    if (g2 > most) {
      most = g2;
      second = <usize>i32x4.extract_lane(index, 2);
    }
    const g3 = f32x4.extract_lane(gains, 3);
    if (g3 > most) {
      most = g3;
      second = <usize>i32x4.extract_lane(index, 3);
    }
    if (!(most > 0)) break;
    other = local + second * stride;
    const bend = max(
      LEAST_BEND,
      load<f32>(bends + (first << 2)) + load<f32>(bends + (second << 2)) - 2 * load<f32>(at + (second << 2)),
    );
    const free = <f64>((highest - load<f32>(errors + (second << 2))) / bend);
    const step = min(min(free, load<f64>(rise + (first << 3))), load<f64>(fall + (second << 3)));
    shift(rise, fall, first, step);
    shift(fall, rise, second, step);
    mark(up, rise, first);
    mark(down, fall, first);
    mark(up, rise, second);
    mark(down, fall, second);
    move = <f32>step;
    // What the loss adds to the diagonal.
    const ownBend = load<f32>(bends + (first << 2)) - load<f32>(at + (first << 2));
    const otherBend = load<f32>(bends + (second << 2)) - load<f32>(other + (second << 2));
    store<f32>(errors + (first << 2), load<f32>(errors + (first << 2)) - move * ownBend);
    store<f32>(errors + (second << 2), load<f32>(errors + (second << 2)) + move * otherBend);
    updates += 2;
  }
  let balance = load<f64>(report + BALANCE);
  for (let i: usize = 0; i < size; i++) {
    const row = (<usize>load<i32>(active + (i << 2))) << 3;
    const yi = load<f64>(y + row);
    const next = min(load<f64>((yi > 0 ? fall : rise) + (i << 3)), load<f64>(upper + row));
    const step = (next - load<f64>(alpha + row)) * yi;
    store<f32>(change + (i << 2), <f32>step);
    store<f64>(alpha + row, next);
    balance += step;
  }
  store<f64>(report + BALANCE, balance);
  store<f64>(report + UPDATES, load<f64>(report + UPDATES) + <f64>updates);
}

/** Notes whether there is room left. */
function mark(flags: usize, limits: usize, i: usize): void {
  store<i32>(flags + (i << 2), load<f64>(limits + (i << 3)) > 0 ? -1 : 0);
}

/** Takes `step` from one limit and gives it to the other. */
function shift(from: usize, to: usize, i: usize, step: f64): void {
  store<f64>(from + (i << 3), load<f64>(from + (i << 3)) - step);
  store<f64>(to + (i << 3), load<f64>(to + (i << 3)) + step);
}
