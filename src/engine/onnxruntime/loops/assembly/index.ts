// Gradients of max pooling and ReLU with SIMD, each in one pass that also sums up every channel. Built by
// scripts/build-wasm.mjs. All addresses are in bytes; channels are a multiple of four.

/** The bits of floats as integers that order as the floats do; both zeros are 0. */
function ordered(bits: v128): v128 {
  const signed = v128.xor(bits, i32x4.shr_u(i32x4.shr_s(bits, 31), 1));
  return i32x4.add(signed, i32x4.shr_u(signed, 31));
}

/**
 * Windows of 2 x 2 that tile `pairs` pairs of rows at `x`, which is overwritten: dy goes to the first maximum of each window, zero to
 * the others; with `positive`, to maxima above zero only. Adds the result to `sums`, `channels` numbers for each of `planes` planes: a
 * plane has `period` pairs of rows, and after the last plane the first follows. `start` pairs came before.
 */
export function poolGradient(
  x: usize,
  dy: usize,
  sums: usize,
  pairs: i32,
  windows: i32,
  channels: i32,
  positive: bool,
  period: i32,
  planes: i32,
  start: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const row = (<usize>windows * pixel) << 1;
  const zero = i32x4.splat(0);
  const infinity = i32x4.splat(0x7f800000);
  let o = dy;
  let plane = (start / period) % planes;
  let left = period - (start % period);
  for (let r: i32 = 0; r < pairs; r++, left--) {
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
    const totals = sums + <usize>plane * pixel;
    let p = x + <usize>r * (row << 1);
    for (let j: i32 = 0; j < windows; j++) {
      for (let c: usize = 0; c < pixel; c += 16) {
        const q = p + c;
        const a = ordered(v128.load(q));
        const b = ordered(v128.load(q + pixel));
        const d = ordered(v128.load(q + row));
        const e = ordered(v128.load(q + row + pixel));
        const above = i32x4.max_s(a, b);
        const below = i32x4.max_s(d, e);
        let g = v128.load(o + c);
        if (positive) {
          const best = i32x4.max_s(above, below);
          // NaN passes dy on.
          g = v128.or(v128.and(g, i32x4.gt_s(best, zero)), i32x4.gt_s(best, infinity));
        }
        v128.store(totals + c, f32x4.add(v128.load(totals + c), g));
        const isAbove = i32x4.ge_s(above, below);
        const isLeft = i32x4.ge_s(a, b);
        const isLowerLeft = i32x4.ge_s(d, e);
        const upper = v128.and(g, isAbove);
        const lower = v128.andnot(g, isAbove);
        v128.store(q, v128.and(upper, isLeft));
        v128.store(q + pixel, v128.andnot(upper, isLeft));
        v128.store(q + row, v128.and(lower, isLowerLeft));
        v128.store(q + row + pixel, v128.andnot(lower, isLowerLeft));
      }
      p += pixel << 1;
      o += pixel;
    }
  }
}

/**
 * dy where z is above zero or NaN, and zero elsewhere: `dy` is overwritten. Adds the result to `sums`; planes are as above, but
 * `period`, `start` and `rows` count positions.
 */
export function reluGradient(
  dy: usize,
  z: usize,
  sums: usize,
  rows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const zero = f32x4.splat(0);
  let plane = (start / period) % planes;
  let left = period - (start % period);
  for (let r: i32 = 0; r < rows; r++, left--) {
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
    const totals = sums + <usize>plane * pixel;
    for (let c: usize = 0; c < pixel; c += 16) {
      const v = v128.load(z + c);
      const g = v128.or(v128.and(v128.load(dy + c), f32x4.gt(v, zero)), f32x4.ne(v, v));
      v128.store(dy + c, g);
      v128.store(totals + c, f32x4.add(v128.load(totals + c), g));
    }
    dy += pixel;
    z += pixel;
  }
}

/**
 * A step of momentum on `count` numbers, a multiple of four: velocity = momentum * velocity + rate * gradient + decay * weight;
 * weight += velocity. Both are overwritten.
 */
export function momentum(
  weight: usize,
  velocity: usize,
  gradient: usize,
  count: usize,
  momentum: f32,
  rate: f32,
  decay: f32,
): void {
  const m = f32x4.splat(momentum);
  const r = f32x4.splat(rate);
  const d = f32x4.splat(decay);
  const end = count << 2;
  for (let i: usize = 0; i < end; i += 16) {
    const w = v128.load(weight + i);
    const pull = f32x4.add(f32x4.mul(v128.load(velocity + i), m), f32x4.mul(v128.load(gradient + i), r));
    const v = f32x4.add(pull, f32x4.mul(w, d));
    v128.store(velocity + i, v);
    v128.store(weight + i, f32x4.add(w, v));
  }
}
export {
  winogradGather,
  winogradInput,
  winogradOutput,
  winogradOutputGradient,
} from '../../winograd/assembly/transforms';
export {
  moments,
  normGradient,
  normGradientSums,
  normPoolGradient,
  normPoolGradientSums,
  normalise,
  normalisePool,
} from './batch-norm';
