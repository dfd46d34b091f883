// How long a kernel takes in plain JavaScript: what who has libsvm-js alone must do before it can train on one.
import type { Matrix } from '../../../src/matrix.js';
import { Random } from '../../../src/random.js';

/** Fills in the inner products of rows `i` and `i + 1` with all rows up to them. */
type TwoRows = (x: Matrix, i: number, into: Float64Array) => void;

const dot = (data: Float32Array, p: number, q: number, columns: number): number => {
  let [a, b, c, d] = [0, 0, 0, 0];
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

/** One inner product at a time, unrolled by four. */
const unrolled: TwoRows = ({ data, columns }, i, into) => {
  for (const row of [i, i + 1]) {
    for (let j = 0; j <= row; j++) into[j] = dot(data, row * columns, j * columns, columns);
  }
};

/** Two rows by two rows at a time: half the loads. */
const blocked: TwoRows = ({ data, columns }, i, into) => {
  const p = i * columns;
  const q = p + columns;
  for (let j = 0; j <= i; j += 2) {
    const r = j * columns;
    const s = r + columns;
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let k = 0; k < columns; k++) {
      const v = data[p + k]!;
      const w = data[q + k]!;
      const x = data[r + k]!;
      const y = data[s + k]!;
      a += v * x;
      b += v * y;
      c += w * x;
      d += w * y;
    }
    into[j] = a + c;
    into[j + 1] = b + d;
  }
};

/** How a kernel is made, and how long all of it takes. */
export interface KernelTiming {
  readonly seconds: number;
  readonly how: string;
}

/** Pairs of neighbouring rows that are measured. */
const PAIRS = 60;

/**
 * Seconds of the symmetric half of the kernel of all rows, summed in float64 on one thread: pairs of rows drawn by seed,
 * scaled up to all by the inner products that they need, by the faster of two ways.
 */
export const kernelTiming = (x: Matrix): KernelTiming => {
  const random = new Random('kernel');
  const half = Math.floor(x.rows / 2);
  const pairs = random.shuffle([...Array(half).keys()]).slice(0, PAIRS);
  const into = new Float64Array(x.rows + 1);
  const done = pairs.reduce((sum, pair) => sum + 4 * pair + 3, 0);
  const timed = Object.entries({ 'unrolled by four': unrolled, 'two rows by two': blocked }).map(
    ([how, make]): KernelTiming => {
      make(x, 2 * pairs[0]!, into); // Compiled before it is timed.
      const start = performance.now();
      for (const pair of pairs) make(x, 2 * pair, into);
      const seconds = (performance.now() - start) / 1000;
      return { how, seconds: (seconds * (x.rows * (x.rows + 1))) / 2 / done };
    },
  );
  const best = timed.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  return {
    ...best,
    how: `${best.how}, ${((100 * done) / ((x.rows * (x.rows + 1)) / 2)).toFixed(0)} % of it measured and scaled up`,
  };
};
