// One pass over all rows: violations, their histogram and spread, both objectives, Σ y alpha, support vectors.
import { BALANCE, BUCKETS, DUAL, PRIMAL, SPREAD, SUPPORT, bucketOf } from './layout';

export function scan(
  n: i32,
  y: usize,
  f: usize,
  alpha: usize,
  upper: usize,
  cost: usize,
  diagonal: usize,
  violation: usize,
  histogram: usize,
  member: usize,
  report: usize,
  bias: f64,
  squared: i32,
): void {
  memory.fill(histogram, 0, 8 * BUCKETS);
  let linear: f64 = 0;
  let quadratic: f64 = 0;
  let penalty: f64 = 0;
  let losses: f64 = 0;
  let balance: f64 = 0;
  let support: i32 = 0;
  let highest: f32 = 0;
  let lowest: f32 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const at = i << 3;
    const yi = load<f64>(y + at);
    const a = load<f64>(alpha + at);
    const margin = yi * (load<f64>(f + at) + bias);
    const gradient = margin - 1 + load<f64>(diagonal + at) * a;
    let v: f32 = 0;
    if (yi != 0) {
      if (gradient < 0 ? a < load<f64>(upper + at) : a > 0) v = <f32>(-gradient * yi);
      const slack = max<f64>(0, 1 - margin);
      losses += load<f64>(cost + at) * (squared ? slack * slack : slack);
    }
    if (a > 0) {
      linear += a;
      quadratic += a * margin;
      penalty += load<f64>(diagonal + at) * a * a;
      balance += a * yi;
      support++;
    }
    store<f32>(violation + (i << 2), v);
    highest = max(highest, v);
    lowest = min(lowest, v);
    if (v != 0 && !load<u8>(member + i)) {
      const slot = histogram + (((v < 0 ? BUCKETS : 0) + bucketOf(abs<f32>(v))) << 2);
      store<i32>(slot, load<i32>(slot) + 1);
    }
  }
  store<f64>(report + DUAL, linear - 0.5 * (quadratic + penalty));
  store<f64>(report + PRIMAL, 0.5 * quadratic + losses);
  store<f64>(report + BALANCE, balance);
  store<f64>(report + SUPPORT, <f64>support);
  store<f64>(report + SPREAD, <f64>(highest - lowest));
}
