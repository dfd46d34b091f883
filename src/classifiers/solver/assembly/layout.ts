// Constants that ../workspace.ts has too: buckets of the histogram, places in the report.
export const BUCKETS: i32 = 4096;
export const SHIFT: i32 = 19;

export const DUAL: usize = 0;
export const PRIMAL: usize = 8;
export const SUPPORT: usize = 16;
export const UPDATES: usize = 24;
export const SIZE: usize = 32;
export const BALANCE: usize = 40;
export const GATHERED: usize = 48;
export const SPREAD: usize = 56;
export const FREE: usize = 72;

/** The bucket of a violation's size. */
export function bucketOf(size: f32): i32 {
  return reinterpret<i32>(size) >>> SHIFT;
}

/** Clears what lies behind the last of an odd number of rows, so that they can be taken in pairs: vectors end on a line of the cache. */
export function endPair(n: i32, vector: usize): void {
  if (n & 1) store<f64>(vector + ((<usize>n) << 3), 0);
}
