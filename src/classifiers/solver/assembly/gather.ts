// Copies the new active rows' part of the Gram matrix: what is left of the diagonal is read from far, the rest mirrored.
import { GATHERED, SIZE } from './layout';

/** A number of the Gram matrix's row at the place that an active row has. */
function at(row: usize, active: usize): f32 {
  return load<f32>(row + ((<usize>load<i32>(active)) << 2));
}

/** Mirrors the numbers left of the diagonal of the rows from `top` to `bottom` of `local`, one by one. */
function mirror(local: usize, stride: usize, top: usize, bottom: usize, left: usize, right: usize): void {
  for (let i = top; i < bottom; i++) {
    for (let j = left; j < min(i, right); j++) {
      store<f32>(local + j * stride + (i << 2), load<f32>(local + i * stride + (j << 2)));
    }
  }
}

/** Mirrors four rows' numbers in four columns: `from` is the first of them, `to` where its mirror image goes. */
function mirrorFour(from: usize, to: usize, stride: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride);
  const d = v128.load(from + 3 * stride);
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(to + stride, v128.shuffle<i64>(ab, cd, 1, 3));
  const high = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const higher = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to + 2 * stride, v128.shuffle<i64>(high, higher, 0, 2));
  v128.store(to + 3 * stride, v128.shuffle<i64>(high, higher, 1, 3));
}

export function gather(
  n: i32,
  m: i32,
  gram: usize,
  active: usize,
  local: usize,
  report: usize,
  biasSquared: f64,
): void {
  const size = <usize>load<f64>(report + SIZE);
  const done = <usize>load<f64>(report + GATHERED);
  const stride = (<usize>m) << 2;
  for (let i = done; i < size; i++) {
    const row = gram + <usize>load<i32>(active + (i << 2)) * ((<usize>n) << 2);
    const to = local + i * stride;
    const whole = i & ~3;
    for (let j: usize = 0; j < whole; j += 4) {
      const from = active + (j << 2);
      v128.store(
        to + (j << 2),
        f32x4(at(row, from), at(row, from + 4), at(row, from + 8), at(row, from + 12)),
      );
    }
    for (let j = whole; j <= i; j++) store<f32>(to + (j << 2), at(row, active + (j << 2)));
  }
  for (let i = done; i < size; i += 4) {
    const four = i + 4 <= size;
    const whole = four ? i & ~3 : 0;
    for (let j: usize = 0; j < whole; j += 4) {
      mirrorFour(local + i * stride + (j << 2), local + j * stride + (i << 2), stride);
    }
    mirror(local, stride, i, min(i + 4, size), whole, size);
  }
  // Behind the rows, the bias.
  const last = size << 2;
  for (let j: usize = 0; j < size; j++) {
    store<f32>(local + j * stride + last, 0);
    store<f32>(local + size * stride + (j << 2), 0);
  }
  store<f32>(local + size * stride + last, <f32>biasSquared);
  store<f64>(report + GATHERED, <f64>size);
}
