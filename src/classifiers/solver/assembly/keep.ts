// Lets active rows go: the others move together.
import { GATHERED, SIZE } from './layout';

export function keep(
  m: i32,
  active: usize,
  member: usize,
  local: usize,
  list: usize,
  report: usize,
  count: i32,
): void {
  const stride = (<usize>m) << 2;
  const size = <usize>load<f64>(report + SIZE);
  for (let i: usize = 0; i < size; i++) store<u8>(member + load<i32>(active + (i << 2)), 0);
  for (let i: usize = 0; i < <usize>count; i++) {
    const from = <usize>load<i32>(list + (i << 2));
    const row = load<i32>(active + (from << 2));
    store<i32>(active + (i << 2), row);
    store<u8>(member + row, 1);
    const source = local + from * stride;
    const target = local + i * stride;
    for (let j: usize = 0; j < <usize>count; j++) {
      store<f32>(target + (j << 2), load<f32>(source + ((<usize>load<i32>(list + (j << 2))) << 2)));
    }
  }
  store<f64>(report + SIZE, <f64>count);
  store<f64>(report + GATHERED, <f64>count);
}
