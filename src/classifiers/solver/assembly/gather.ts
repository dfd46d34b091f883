// Copies a block's part of the Gram matrix: only what is on and above the diagonal is read from far, the rest mirrored.
import { SIZE } from './layout';

const TILE: i32 = 16;

export function gather(
  n: i32,
  m: i32,
  gram: usize,
  block: usize,
  local: usize,
  report: usize,
  biasSquared: f64,
): void {
  const size = <i32>load<f64>(report + SIZE);
  const stride = (<usize>m) << 2;
  for (let i: i32 = 0; i < size; i++) {
    const row = gram + <usize>load<i32>(block + ((<usize>i) << 2)) * ((<usize>n) << 2);
    const to = local + <usize>i * stride;
    for (let j: i32 = i; j < size; j++) {
      const column = <usize>load<i32>(block + ((<usize>j) << 2));
      store<f32>(to + ((<usize>j) << 2), load<f32>(row + (column << 2)));
    }
    memory.fill(to + ((<usize>size) << 2), 0, (m - size) << 2);
  }
  for (let i0: i32 = 0; i0 < size; i0 += TILE) {
    const i1 = min(i0 + TILE, size);
    for (let j0: i32 = i0; j0 < size; j0 += TILE) {
      const j1 = min(j0 + TILE, size);
      for (let j = j0; j < j1; j++) {
        for (let i = i0; i < min(i1, j); i++) {
          const value = load<f32>(local + <usize>i * stride + ((<usize>j) << 2));
          store<f32>(local + <usize>j * stride + ((<usize>i) << 2), value);
        }
      }
    }
  }
  const last = local + <usize>size * stride;
  memory.fill(last, 0, m << 2);
  store<f32>(last + ((<usize>size) << 2), <f32>biasSquared);
}
