// Small problems for tests of the SVMs.
import { type ClassLabels, oneVsRest } from '../../src/classifiers/problem.js';
import type { RowSource } from '../../src/classifiers/rows.js';
import type { Matrix } from '../../src/matrix.js';
import { Random } from '../../src/random.js';

/** A matrix and the labels of its rows. */
export interface Problem {
  readonly matrix: Matrix;
  readonly classes: ClassLabels[];
}

/** `classes` clusters of `each` rows of length one, non-negative as descriptors are, with a large mean in common. */
export const clusters = (classes: number, each: number, columns: number, seed = 1, noise = 1): Problem => {
  const random = new Random(seed, 'clusters');
  const centres = Array.from({ length: classes }, () =>
    Array.from({ length: columns }, () => Math.abs(random.normal())),
  );
  const rows = classes * each;
  const data = new Float32Array(rows * columns);
  const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
  for (let i = 0; i < rows; i++) {
    const row = centres[i % classes]!.map((x) => Math.max(0, x + noise * random.normal()));
    const norm = Math.hypot(...row) || 1;
    row.forEach((x, k) => (data[i * columns + k] = x / norm));
  }
  const labels = Array.from({ length: rows }, (_, i) => [names[i % classes]!]);
  return { matrix: { rows, columns, data }, classes: oneVsRest(names, labels) };
};

/** Correct signs of each class: a metric to choose C by. */
export const accuracy = (scores: Matrix, labels: readonly Int8Array[]): number[] =>
  labels.map((y, c) => {
    const right = y.filter((label, i) => Math.sign(scores.data[i * scores.columns + c]!) === label);
    return (100 * right.length) / y.length;
  });

/** The largest difference of two vectors. */
export const farthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!)));

/** The matrix as a store gives it: batches of seven rows; `read` counts them. */
export const streamed = (matrix: Matrix): RowSource & { read: number } => {
  const { rows, columns, data } = matrix;
  const source = {
    rows,
    columns,
    read: 0,
    async *batches() {
      for (let row = 0; row < rows; row += 7) {
        source.read++;
        await Promise.resolve();
        const end = Math.min(row + 7, rows);
        yield { matrix: { rows: end - row, columns, data: data.slice(row * columns, end * columns) } };
      }
    },
  };
  return source;
};
