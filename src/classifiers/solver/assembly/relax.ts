// Coordinate descent within a block, whose part of the Gram matrix lies in the processor's cache.
import { SIZE, UPDATES } from './layout';

export function relax(
  m: i32,
  block: usize,
  local: usize,
  drift: usize,
  change: usize,
  y: usize,
  f: usize,
  alpha: usize,
  upper: usize,
  diagonal: usize,
  report: usize,
  sweeps: i32,
  enough: f64,
): void {
  const size = <i32>load<f64>(report + SIZE);
  const stride = (<usize>m) << 2;
  const end = ((<usize>size + 3) >> 2) << 4;
  let updates: i32 = 0;
  for (let sweep: i32 = 0; sweep < sweeps; sweep++) {
    let worst: f64 = 0;
    for (let i: usize = 0; i < <usize>size; i++) {
      const row = (<usize>load<i32>(block + (i << 2))) << 3;
      const yi = load<f64>(y + row);
      const a = load<f64>(alpha + row);
      const extra = load<f64>(diagonal + row);
      const gradient = yi * (load<f64>(f + row) + <f64>load<f32>(drift + (i << 2))) - 1 + extra * a;
      const most = load<f64>(upper + row);
      if (gradient < 0 ? a >= most : a <= 0) continue;
      worst = max(worst, abs(gradient));
      const at = local + i * stride;
      const curvature = <f64>load<f32>(at + (i << 2)) + extra;
      const free = curvature > 0 ? a - gradient / curvature : gradient < 0 ? Infinity : 0;
      const next = min(max(free, 0), most);
      const step = <f32>((next - a) * yi);
      if (step == 0 || !isFinite(next)) continue;
      store<f64>(alpha + row, next);
      store<f32>(change + (i << 2), load<f32>(change + (i << 2)) + step);
      updates++;
      const steps = f32x4.splat(step);
      for (let j: usize = 0; j < end; j += 16) {
        const old = v128.load(drift + j);
        v128.store(drift + j, f32x4.add(old, f32x4.mul(steps, v128.load(at + j))));
      }
    }
    if (worst <= enough) break;
  }
  store<f64>(report + UPDATES, load<f64>(report + UPDATES) + <f64>updates);
}
