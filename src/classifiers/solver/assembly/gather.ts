// Copies the new active rows' part of the Gram matrix: what is left of the diagonal is read from far, the rest mirrored.
import { GATHERED, SIZE } from './layout';

const TILE: i32 = 16;

export function gather(
  n: i32,
  m: i32,
  gram: usize,
  active: usize,
  local: usize,
  report: usize,
  biasSquared: f64,
): void {
  const size = <i32>load<f64>(report + SIZE);
  const done = <i32>load<f64>(report + GATHERED);
  const stride = (<usize>m) << 2;
  for (let i: i32 = done; i < size; i++) {
    const row = gram + <usize>load<i32>(active + ((<usize>i) << 2)) * ((<usize>n) << 2);
    const to = local + <usize>i * stride;
    for (let j: usize = 0; j <= <usize>i; j++) {
      const column = <usize>load<i32>(active + (j << 2));
      store<f32>(to + (j << 2), load<f32>(row + (column << 2)));
    }
  }
  for (let i0: i32 = done; i0 < size; i0 += TILE) {
    const i1 = min(i0 + TILE, size);
    for (let j0: i32 = 0; j0 < i1; j0 += TILE) {
      const j1 = min(j0 + TILE, i1);
      for (let j = j0; j < j1; j++) {
        const to = local + <usize>j * stride;
        for (let i = max(i0, j + 1); i < i1; i++) {
          store<f32>(to + ((<usize>i) << 2), load<f32>(local + <usize>i * stride + ((<usize>j) << 2)));
        }
      }
    }
  }
  // Behind the rows, the bias.
  const last = (<usize>size) << 2;
  for (let j: usize = 0; j < <usize>size; j++) {
    store<f32>(local + j * stride + last, 0);
    store<f32>(local + <usize>size * stride + (j << 2), 0);
  }
  store<f32>(local + <usize>size * stride + last, <f32>biasSquared);
  store<f64>(report + GATHERED, <f64>size);
}
