// Time of a linear kernel in plain JavaScript, which users of libsvm-js compute before training.
import type { Matrix } from '../../../src/matrix.js';
import { Random } from '../../../src/random.js';

/** Writes the inner products of rows `i` to `i + 3` with all previous rows and each other. */
type FourRows = (x: Matrix, i: number, into: Float64Array[]) => void;

const dot = (data: Float32Array, p: number, q: number, columns: number): number => {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let k = 0;
  for (; k + 3 < columns; k += 4) {
    a += data[p + k]! * data[q + k]!;
    b += data[p + k + 1]! * data[q + k + 1]!;
    c += data[p + k + 2]! * data[q + k + 2]!;
    d += data[p + k + 3]! * data[q + k + 3]!;
  }
  for (; k < columns; k++) a += data[p + k]! * data[q + k]!;
  return a + b + (c + d);
};

/** One inner product at a time, unrolled four times. */
const unrolled: FourRows = ({ data, columns }, i, into) => {
  for (let r = 0; r < 4; r++) {
    for (let j = 0; j <= i + r; j++) into[r]![j] = dot(data, (i + r) * columns, j * columns, columns);
  }
};

/** Blocks of four by two rows: fewer loads, and a quarter of the memory traffic. */
const blocked: FourRows = ({ data, columns }, i, into) => {
  const [p0, p1, p2, p3] = [i * columns, (i + 1) * columns, (i + 2) * columns, (i + 3) * columns];
  for (let j = 0; j <= i + 2; j += 2) {
    const q = j * columns;
    const r = q + columns;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let e = 0;
    let f = 0;
    let g = 0;
    let h = 0;
    for (let k = 0; k < columns; k++) {
      const y = data[q + k]!;
      const z = data[r + k]!;
      let v = data[p0 + k]!;
      a += v * y;
      b += v * z;
      v = data[p1 + k]!;
      c += v * y;
      d += v * z;
      v = data[p2 + k]!;
      e += v * y;
      f += v * z;
      v = data[p3 + k]!;
      g += v * y;
      h += v * z;
    }
    into[0]![j] = a;
    into[0]![j + 1] = b;
    into[1]![j] = c;
    into[1]![j + 1] = d;
    into[2]![j] = e;
    into[2]![j + 1] = f;
    into[3]![j] = g;
    into[3]![j + 1] = h;
  }
};

/** The method, and the seconds for the whole kernel. */
export interface KernelTiming {
  readonly seconds: number;
  readonly how: string;
}

/** Number of measured groups of four adjacent rows. */
const GROUPS = 30;

/**
 * Seconds for half of the symmetric kernel in float64 on one thread, by the faster of two methods. Measured on random
 * groups of four rows and extrapolated by the number of inner products.
 */
export const kernelTiming = (x: Matrix): KernelTiming => {
  const groups = new Random('kernel').shuffle([...Array(Math.floor(x.rows / 4)).keys()]).slice(0, GROUPS);
  const into = Array.from({ length: 4 }, () => new Float64Array(x.rows + 1));
  const done = groups.reduce((sum, group) => sum + 16 * group + 10, 0);
  const all = (x.rows * (x.rows + 1)) / 2;
  const timed = Object.entries({ 'unrolled by four': unrolled, 'four rows by two': blocked }).map(
    ([how, make]): KernelTiming => {
      make(x, 4 * groups[0]!, into); // Warm-up: V8 compiles it.
      const start = performance.now();
      for (const group of groups) make(x, 4 * group, into);
      return { how, seconds: (((performance.now() - start) / 1000) * all) / done };
    },
  );
  const best = timed.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  return { ...best, how: `${best.how}, ${((100 * done) / all).toFixed(0)} % of it measured and scaled up` };
};
