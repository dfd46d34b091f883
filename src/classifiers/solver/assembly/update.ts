// Adds the active rows' changes to all decision values: eight rows of the Gram matrix at a time, summed in float32, kept in float64.
import { SIZE } from './layout';

export function update(
  n: i32,
  gram: usize,
  f: usize,
  active: usize,
  change: usize,
  /** Room for the list of the rows that changed: 8 bytes each, and 8 more. */
  list: usize,
  report: usize,
): void {
  const size = <i32>load<f64>(report + SIZE);
  const stride = (<usize>n) << 2;
  let count: usize = 0;
  for (let i: usize = 0; i < <usize>size; i++) {
    const step = load<f32>(change + (i << 2));
    if (step == 0) continue;
    store<u32>(list + (count << 3), <u32>(gram + <usize>load<i32>(active + (i << 2)) * stride));
    store<f32>(list + (count << 3) + 4, step);
    count++;
  }
  // Fill the last eight up with rows that count nothing.
  for (; count & 7; count++) {
    store<u32>(list + (count << 3), <u32>gram);
    store<f32>(list + (count << 3) + 4, 0);
  }
  const whole = (<usize>n) & ~3;
  for (let g: usize = 0; g < count; g += 8) {
    const at = list + (g << 3);
    const r0 = <usize>load<u32>(at);
    const r1 = <usize>load<u32>(at, 8);
    const r2 = <usize>load<u32>(at, 16);
    const r3 = <usize>load<u32>(at, 24);
    const r4 = <usize>load<u32>(at, 32);
    const r5 = <usize>load<u32>(at, 40);
    const r6 = <usize>load<u32>(at, 48);
    const r7 = <usize>load<u32>(at, 56);
    const s0 = v128.load_splat<f32>(at, 4);
    const s1 = v128.load_splat<f32>(at, 12);
    const s2 = v128.load_splat<f32>(at, 20);
    const s3 = v128.load_splat<f32>(at, 28);
    const s4 = v128.load_splat<f32>(at, 36);
    const s5 = v128.load_splat<f32>(at, 44);
    const s6 = v128.load_splat<f32>(at, 52);
    const s7 = v128.load_splat<f32>(at, 60);
    for (let j: usize = 0; j < whole; j += 4) {
      const k = j << 2;
      const a = f32x4.add(f32x4.mul(s0, v128.load(r0 + k)), f32x4.mul(s1, v128.load(r1 + k)));
      const b = f32x4.add(f32x4.mul(s2, v128.load(r2 + k)), f32x4.mul(s3, v128.load(r3 + k)));
      const c = f32x4.add(f32x4.mul(s4, v128.load(r4 + k)), f32x4.mul(s5, v128.load(r5 + k)));
      const d = f32x4.add(f32x4.mul(s6, v128.load(r6 + k)), f32x4.mul(s7, v128.load(r7 + k)));
      const sum = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
      const to = f + (j << 3);
      v128.store(to, f64x2.add(v128.load(to), f64x2.promote_low_f32x4(sum)));
      const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
      v128.store(to, f64x2.add(v128.load(to, 16), high), 16);
    }
    for (let j = whole; j < <usize>n; j++) {
      let sum: f32 = 0;
      for (let r: usize = 0; r < 8; r++) {
        const row = <usize>load<u32>(at + (r << 3));
        sum += load<f32>(at + (r << 3), 4) * load<f32>(row + (j << 2));
      }
      store<f64>(f + (j << 3), load<f64>(f + (j << 3)) + <f64>sum);
    }
  }
}
