// The mirror image of four by four numbers.

/** Stores four rows of four numbers as columns: row r of the result begins `stride` bytes behind that before it. */
export function storeMirrored(a: v128, b: v128, c: v128, d: v128, to: usize, stride: usize): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const high = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const higher = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(to + stride, v128.shuffle<i64>(ab, cd, 1, 3));
  v128.store(to + 2 * stride, v128.shuffle<i64>(high, higher, 0, 2));
  v128.store(to + 3 * stride, v128.shuffle<i64>(high, higher, 1, 3));
}
