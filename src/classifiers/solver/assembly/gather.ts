// Copies the new active rows' part of the Gram matrix, four rows at a time: what is left of the diagonal is read from far and mirrored on the way.
import { GATHERED, SIZE } from './layout';
import { storeMirrored } from './mirror';

/** Four numbers of the Gram matrix's row, at the places that four active rows have. */
function fourAt(row: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let four = v128.load_zero<f32>(row + a);
  four = v128.load_lane<f32>(row + b, four, 1);
  four = v128.load_lane<f32>(row + c, four, 2);
  return v128.load_lane<f32>(row + d, four, 3);
}

/** Copies one row up to its diagonal, and its mirror image. */
function gatherOne(i: usize, gram: usize, active: usize, local: usize, wide: usize, stride: usize): void {
  const row = gram + <usize>load<i32>(active + (i << 2)) * wide;
  for (let j: usize = 0; j <= i; j++) {
    const value = load<f32>(row + ((<usize>load<i32>(active + (j << 2))) << 2));
    store<f32>(local + i * stride + (j << 2), value);
    store<f32>(local + j * stride + (i << 2), value);
  }
}

/** Copies four rows, of which the first is a multiple of four, up to and with their diagonal, and their mirror image. */
function gatherFour(i: usize, gram: usize, active: usize, local: usize, wide: usize, stride: usize): void {
  const at = active + (i << 2);
  const r0 = gram + <usize>load<i32>(at) * wide;
  const r1 = gram + <usize>load<i32>(at, 4) * wide;
  const r2 = gram + <usize>load<i32>(at, 8) * wide;
  const r3 = gram + <usize>load<i32>(at, 12) * wide;
  const to = local + i * stride;
  for (let j: usize = 0; j <= i; j += 4) {
    const from = active + (j << 2);
    const p = (<usize>load<i32>(from)) << 2;
    const q = (<usize>load<i32>(from, 4)) << 2;
    const r = (<usize>load<i32>(from, 8)) << 2;
    const s = (<usize>load<i32>(from, 12)) << 2;
    const a = fourAt(r0, p, q, r, s);
    const b = fourAt(r1, p, q, r, s);
    const c = fourAt(r2, p, q, r, s);
    const d = fourAt(r3, p, q, r, s);
    const place = to + (j << 2);
    v128.store(place, a);
    v128.store(place + stride, b);
    v128.store(place + 2 * stride, c);
    v128.store(place + 3 * stride, d);
    storeMirrored(a, b, c, d, local + j * stride + (i << 2), stride);
  }
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
  const stride = (<usize>m) << 2;
  const wide = (<usize>n) << 2;
  for (let i = <usize>load<f64>(report + GATHERED); i < size;) {
    if ((i & 3) == 0 && i + 4 <= size) {
      gatherFour(i, gram, active, local, wide, stride);
      i += 4;
    } else {
      gatherOne(i, gram, active, local, wide, stride);
      i++;
    }
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
