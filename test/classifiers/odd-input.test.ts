// Rows that real descriptors rarely are but may be: constant features, equal rows, zeros. Each has a known solution.
import assert from 'node:assert/strict';
import { decisionValues } from '../../src/classifiers/model.js';
import type { ClassLabels, SvmSettings } from '../../src/classifiers/problem.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { type Matrix, rowOf } from '../../src/matrix.js';
import { clusters, farthest } from './data.js';

const { matrix, classes } = clusters(3, 20, 6);
const solvers = [
  { solver: 'dual', bias: 'augmented' },
  { solver: 'primal', bias: 'augmented' },
  { solver: 'dual', bias: 'unregularised' },
  { solver: 'libsvm', bias: 'unregularised' },
] as const;

/** The rows with one more number each. */
const appended = ({ rows, columns, data }: Matrix, value: number): Matrix => {
  const wider = new Float32Array(rows * (columns + 1)).fill(value);
  for (let i = 0; i < rows; i++) wider.set(data.subarray(i * columns, (i + 1) * columns), i * (columns + 1));
  return { rows, columns: columns + 1, data: wider };
};

const valuesOf = async (
  rows: Matrix,
  labels: readonly ClassLabels[],
  C: number,
  options: SvmSettings,
): Promise<Float32Array> => {
  const model = await trainOneVsRest(rows, labels, C, { tolerance: 1e-7, ...options });
  for (const { gap } of model.certificates) assert.ok(gap <= 1e-6, `gap ${gap}`);
  return decisionValues(model, rows).data;
};

describe('odd descriptors', () => {
  for (const options of solvers) {
    const name = `${options.solver}, ${options.bias} bias`;

    it(`a constant feature is one more bias: ${name}`, async () => {
      const found = await valuesOf(appended(matrix, 2), classes, 1, options);
      // Its weight and the augmented bias's together are regularised as one of input sqrt(1 + 2²).
      const same = await valuesOf(matrix, classes, 1, { ...options, biasScale: Math.sqrt(5) });
      assert.ok(farthest(found, same) < 1e-3, `${farthest(found, same)}`);
    });

    it(`every row twice is twice the C: ${name}`, async () => {
      const twice = {
        ...{ rows: 2 * matrix.rows, columns: 6 },
        data: Float32Array.of(...matrix.data, ...matrix.data),
      };
      const labels = classes.map((one) => ({ ...one, labels: Int8Array.of(...one.labels, ...one.labels) }));
      const found = await valuesOf(twice, labels, 1, options);
      const same = await valuesOf(matrix, classes, 2, options);
      assert.ok(farthest(found.subarray(0, same.length), same) < 1e-3);
    });

    it(`equal rows of both kinds have the value of most of them: ${name}`, async () => {
      // f costs (3 - 3f) + (5 + 5f) times C or more: at a large C it is -1, whatever little w is.
      const row = [...rowOf(matrix, 0)];
      const rows = { rows: 8, columns: 6, data: Float32Array.from({ length: 48 }, (_, i) => row[i % 6]!) };
      const labels = [{ name: 'a', labels: Int8Array.of(1, 1, 1, -1, -1, -1, -1, -1) }];
      const found = await valuesOf(rows, labels, 100, options);
      assert.ok(farthest(found, new Float32Array(8).fill(-1)) < 1e-3, found.join());
      const zeros = { ...rows, data: new Float32Array(48) };
      assert.ok(farthest(await valuesOf(zeros, labels, 100, options), new Float32Array(8).fill(-1)) < 1e-3);
    });
  }
});
