// Picks the strongest violators of both signs by their histogram, without sorting.
import { BUCKETS, SIZE, bucketOf } from './layout';

/** How many of one sign's violators there are, up to `most`. */
function countSide(counts: usize, most: i32): i32 {
  let count: i32 = 0;
  for (let b: i32 = 1; b < BUCKETS && count < most; b++) count += load<i32>(counts + ((<usize>b) << 2));
  return min(count, most);
}

let rest: i32 = 0;

/** The lowest bucket of which all higher ones are taken whole; `rest` becomes how many to take of it. */
function threshold(counts: usize, wanted: i32): i32 {
  let left = wanted;
  for (let b: i32 = BUCKETS - 1; b > 0; b--) {
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
  const upBucket = threshold(histogram, up);
  let upLeft = rest;
  const downBucket = threshold(downCounts, down);
  let downLeft = rest;
  let size = <i32>load<f64>(report + SIZE);
  for (let i: i32 = 0; i < n; i++) {
    const v = load<f32>(violation + ((<usize>i) << 2));
    if (v == 0 || load<u8>(member + i)) continue;
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
  store<f64>(report + SIZE, <f64>size);
}
