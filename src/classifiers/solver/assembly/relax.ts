// Solves for the active rows, whose part of the Gram matrix lies in the processor's cache, by the pairs that gain most.
import { BALANCE, SIZE, UPDATES } from './layout';

/** Half the least curvature of a pair, for rows that are equal. */
const LEAST_BEND: f32 = 0.5e-12;

/** Bytes of eight numbers, which a turn of a loop takes. */
const EIGHT: usize = 32;

/** Bytes of coefficients of which it is noted whether the best partner so far is among them; later it is looked for only there. */
const SPAN: usize = 512;

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
  let count = size;
  for (let i: usize = 0; i < size; i++) {
    const row = (<usize>load<i32>(active + (i << 2))) << 3;
    const yi = load<f64>(y + row);
    const a = load<f64>(alpha + row);
    const room = load<f64>(upper + row) - a;
    const extra = load<f64>(diagonal + row);
    store<f32>(errors + (i << 2), <f32>(yi - load<f64>(f + row) - bias - yi * extra * a));
    store<f64>(rise + (i << 3), yi > 0 ? room : a);
    store<f64>(fall + (i << 3), yi > 0 ? a : room);
    mark(up, down, rise, fall, i);
    store<f32>(bends + (i << 2), <f32>(0.5 * (<f64>load<f32>(local + i * stride + (i << 2)) + extra)));
  }
  if (biasSquared > 0) {
    store<f32>(errors + (size << 2), 0);
    store<f64>(rise + (size << 3), Infinity);
    store<f64>(fall + (size << 3), Infinity);
    mark(up, down, rise, fall, size);
    store<f32>(bends + (size << 2), <f32>(0.5 * biasSquared));
    count++;
  }
  const end = ((count + 7) & ~7) << 2;
  for (let i = count; i << 2 < end; i++) {
    store<f32>(errors + (i << 2), 0);
    store<f32>(up + (i << 2), -Infinity);
    store<f32>(down + (i << 2), Infinity);
    store<f32>(bends + (i << 2), 0);
  }
  let updates: i32 = 0;
  let move: f32 = 0;
  let at = local;
  let other = local;
  while (true) {
    // The last pair's move changes all errors; on the way, the highest that may rise and the lowest that may fall.
    const moves = f32x4.splat(move);
    let highs = f32x4.splat(-Infinity);
    let moreHighs = highs;
    let lows = f32x4.splat(Infinity);
    let moreLows = lows;
    for (let j: usize = 0; j < end; j += EIGHT) {
      const d0 = f32x4.sub(v128.load(at + j), v128.load(other + j));
      const d1 = f32x4.sub(v128.load(at + j, 16), v128.load(other + j, 16));
      const e0 = f32x4.sub(v128.load(errors + j), f32x4.mul(moves, d0));
      const e1 = f32x4.sub(v128.load(errors + j, 16), f32x4.mul(moves, d1));
      v128.store(errors + j, e0);
      v128.store(errors + j, e1, 16);
      highs = f32x4.pmax(highs, f32x4.pmin(e0, v128.load(up + j)));
      moreHighs = f32x4.pmax(moreHighs, f32x4.pmin(e1, v128.load(up + j, 16)));
      lows = f32x4.pmin(lows, f32x4.pmax(e0, v128.load(down + j)));
      moreLows = f32x4.pmin(moreLows, f32x4.pmax(e1, v128.load(down + j, 16)));
    }
    const highest = highestOf(f32x4.pmax(highs, moreHighs));
    const lowest = -highestOf(f32x4.neg(f32x4.pmin(lows, moreLows)));
    if (!(<f64>(highest - lowest) > enough) || updates >= 2 * steps) break;
    const tops = f32x4.splat(highest);
    let place: usize = 0;
    while (!v128.any_true(f32x4.eq(f32x4.pmin(v128.load(errors + place), v128.load(up + place)), tops))) {
      place += 16;
    }
    const first =
      (place >> 2) +
      <usize>ctz(i32x4.bitmask(f32x4.eq(f32x4.pmin(v128.load(errors + place), v128.load(up + place)), tops)));
    // Its partner: the one with which it gains most.
    at = local + first * stride;
    const own = f32x4.splat(load<f32>(bends + (first << 2)));
    let best: usize = 0;
    let most: f32 = 0;
    for (let span: usize = 0; span < end; span += SPAN) {
      const last = min(span + SPAN, end);
      let gains = f32x4.splat(0);
      let moreGains = gains;
      for (let j = span; j < last; j += EIGHT) {
        gains = f32x4.pmax(gains, gainsAt(j, at, errors, down, bends, tops, own));
        moreGains = f32x4.pmax(moreGains, gainsAt(j + 16, at, errors, down, bends, tops, own));
      }
      const gain = highestOf(f32x4.pmax(gains, moreGains));
      if (gain > most) {
        most = gain;
        best = span;
      }
    }
    if (!(most > 0)) break;
    const wanted = f32x4.splat(most);
    while (true) {
      const mask = i32x4.bitmask(f32x4.eq(gainsAt(best, at, errors, down, bends, tops, own), wanted));
      if (mask) {
        best = (best >> 2) + <usize>ctz(mask);
        break;
      }
      best += 16;
    }
    const second = best;
    other = local + second * stride;
    const firstBend = load<f32>(bends + (first << 2));
    const secondBend = load<f32>(bends + (second << 2));
    const bend = max(LEAST_BEND, firstBend + secondBend - load<f32>(at + (second << 2)));
    const free = <f64>((highest - load<f32>(errors + (second << 2))) / (bend + bend));
    const step = min(min(free, load<f64>(rise + (first << 3))), load<f64>(fall + (second << 3)));
    shift(rise, fall, first, step);
    shift(fall, rise, second, step);
    mark(up, down, rise, fall, first);
    mark(up, down, rise, fall, second);
    move = <f32>step;
    // What the loss adds to the diagonal.
    const firstExtra = firstBend + firstBend - load<f32>(at + (first << 2));
    const secondExtra = secondBend + secondBend - load<f32>(other + (second << 2));
    store<f32>(errors + (first << 2), load<f32>(errors + (first << 2)) - move * firstExtra);
    store<f32>(errors + (second << 2), load<f32>(errors + (second << 2)) + move * secondExtra);
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

/** What four coefficients would gain as partners, twice over; zero where they may not fall or are not lower. */
function gainsAt(j: usize, at: usize, errors: usize, down: usize, bends: usize, tops: v128, own: v128): v128 {
  const bend = f32x4.sub(f32x4.add(own, v128.load(bends + j)), v128.load(at + j));
  const difference = f32x4.sub(tops, f32x4.pmax(v128.load(errors + j), v128.load(down + j)));
  const positive = f32x4.pmax(difference, f32x4.splat(0));
  return f32x4.div(f32x4.mul(positive, positive), f32x4.pmax(bend, f32x4.splat(LEAST_BEND)));
}

/** The highest of four numbers. */
function highestOf(four: v128): f32 {
  const two = f32x4.pmax(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0);
}

/** Notes whether there is room left: limits that an error passes or does not. */
function mark(up: usize, down: usize, rise: usize, fall: usize, i: usize): void {
  store<f32>(up + (i << 2), load<f64>(rise + (i << 3)) > 0 ? Infinity : -Infinity);
  store<f32>(down + (i << 2), load<f64>(fall + (i << 3)) > 0 ? -Infinity : Infinity);
}

/** Takes `step` from one limit and gives it to the other. */
function shift(from: usize, to: usize, i: usize, step: f64): void {
  store<f64>(from + (i << 3), load<f64>(from + (i << 3)) - step);
  store<f64>(to + (i << 3), load<f64>(to + (i << 3)) + step);
}
