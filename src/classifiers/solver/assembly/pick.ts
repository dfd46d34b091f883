// Picks the strongest violators of both signs by their histogram, without sorting.
import { BUCKETS, SIZE, SPREAD, bucketOf } from './layout';

/** How many of one sign's violators there are, up to `most`. */
function countSide(counts: usize, most: i32): i32 {
  let sums = i32x4.splat(0);
  for (let b: usize = 0; b < (<usize>BUCKETS) << 2; b += 16) sums = i32x4.add(sums, v128.load(counts + b));
  // The first bucket holds what is as good as nothing.
  const all = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) - load<i32>(counts);
  return min(all + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3), most);
}

let rest: i32 = 0;

/** The lowest bucket, from `top` down, of which all higher ones are taken whole; `rest` becomes how many to take of it. */
function threshold(counts: usize, top: i32, wanted: i32): i32 {
  let left = wanted;
  for (let b = top; b > 0; b--) {
    const count = load<i32>(counts + ((<usize>b) << 2));
    if (count >= left) {
      rest = left;
      return b;
    }
    left -= count;
  }
  rest = 0;
  return 0;
}

export function pick(
  n: i32,
  violation: usize,
  histogram: usize,
  active: usize,
  member: usize,
  report: usize,
  most: i32,
): void {
  const downCounts = histogram + ((<usize>BUCKETS) << 2);
  const ups = countSide(histogram, most);
  const downs = countSide(downCounts, most);
  const up = min(ups, max(most >> 1, most - downs));
  const down = min(downs, most - up);
  const top = bucketOf(<f32>load<f64>(report + SPREAD)); // No violation is larger.
  const upBucket = threshold(histogram, top, up);
  let upLeft = rest;
  const downBucket = threshold(downCounts, top, down);
  let downLeft = rest;
  let size = <i32>load<f64>(report + SIZE);
  for (let four: i32 = 0; four < n; four += 4) {
    const vs = v128.load(violation + ((<usize>four) << 2));
    let lanes = i32x4.bitmask(f32x4.ne(vs, f32x4.splat(0)));
    for (; lanes; lanes &= lanes - 1) {
      const i = four + ctz(lanes);
      if (i >= n || load<u8>(member + i)) continue;
      const v = load<f32>(violation + ((<usize>i) << 2));
      const bucket = bucketOf(abs<f32>(v));
      if (bucket == 0) continue;
      if (v > 0) {
        if (up == 0 || bucket < upBucket || (bucket == upBucket && upLeft-- <= 0)) continue;
      } else {
        if (down == 0 || bucket < downBucket || (bucket == downBucket && downLeft-- <= 0)) continue;
      }
      store<i32>(active + ((<usize>size) << 2), i);
      store<u8>(member + i, 1);
      size++;
    }
  }
  store<f64>(report + SIZE, <f64>size);
}
