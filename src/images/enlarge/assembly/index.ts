// Separable resampling of 8-bit pixels with SIMD: first horizontally, then vertically. Built by
// scripts/build-wasm.mjs. All addresses are in bytes. Sources are read and targets written up to 16 bytes
// beyond their end; both need that padding. Targets are written front to back, so the next row overwrites
// what a row writes beyond its end.

/** Fixed-point weights with 22 fractional bits. */
const BITS: i32 = 22;
const HALF: i32 = 1 << (BITS - 1);

/**
 * Resamples rows of three-byte pixels to `outputs` pixels each. Output i is the sum of `taps` pixels,
 * starting at byte `first[i]` of the row, weighted by `weights[i * taps + …]`, rounded and clamped to 0…255.
 */
export function widen(
  source: usize,
  target: usize,
  rows: i32,
  rowBytes: usize,
  outputs: i32,
  taps: i32,
  first: usize,
  weights: usize,
): void {
  const half = i32x4.splat(HALF);
  for (let row: i32 = 0; row < rows; row++) {
    let w = weights;
    for (let i: i32 = 0; i < outputs; i++) {
      let p = source + <usize>load<i32>(first + ((<usize>i) << 2));
      let sum = half;
      for (let tap: i32 = 0; tap < taps; tap++) {
        const pixel = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(p)));
        sum = i32x4.add(sum, i32x4.mul(pixel, v128.load32_splat(w)));
        p += 3;
        w += 4;
      }
      const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sum, BITS), half);
      v128.store32_lane(target, i8x16.narrow_i16x8_u(words, words), 0);
      target += 3;
    }
    source += rowBytes;
  }
}

/**
 * Computes `outputs` rows of `width` bytes. Row i is the sum of `taps` rows, starting at row `first[i]` of
 * the source, weighted by `weights[i * taps + …]`, rounded and clamped to 0…255.
 */
export function heighten(
  source: usize,
  target: usize,
  width: usize,
  outputs: i32,
  taps: i32,
  first: usize,
  weights: usize,
): void {
  const half = i32x4.splat(HALF);
  for (let i: i32 = 0; i < outputs; i++) {
    const row = source + <usize>load<i32>(first + ((<usize>i) << 2)) * width;
    for (let x: usize = 0; x < width; x += 16) {
      let p = row + x;
      let w = weights;
      let a = half;
      let b = half;
      let c = half;
      let d = half;
      for (let tap: i32 = 0; tap < taps; tap++) {
        const bytes = v128.load(p);
        const weight = v128.load32_splat(w);
        const low = i16x8.extend_low_i8x16_u(bytes);
        const high = i16x8.extend_high_i8x16_u(bytes);
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), weight));
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), weight));
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), weight));
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), weight));
        p += width;
        w += 4;
      }
      const left = i16x8.narrow_i32x4_s(i32x4.shr_s(a, BITS), i32x4.shr_s(b, BITS));
      const right = i16x8.narrow_i32x4_s(i32x4.shr_s(c, BITS), i32x4.shr_s(d, BITS));
      v128.store(target + x, i8x16.narrow_i16x8_u(left, right));
    }
    weights += (<usize>taps) << 2;
    target += width;
  }
}
