import assert from 'node:assert/strict';
import type { RowSource } from '../../src/classifiers/rows.js';
import { blocksOf, readAll } from '../../src/classifiers/rows.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import type { Matrix } from '../../src/matrix.js';
import { clusters, farthest } from './data.js';

/** The matrix as a store gives it: batches of seven rows; `read` counts them. */
const streamed = (matrix: Matrix): RowSource & { read: number } => {
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

describe('the primal solver', () => {
  const { matrix, classes } = clusters(3, 50, 64);

  for (const loss of ['hinge', 'squared-hinge'] as const)
    it(`streams rows to the solution of the dual solver: ${loss}`, async () => {
      for (const C of [0.1, 3]) {
        const options = { loss, tolerance: 1e-4, classWeights: { positive: 2, negative: 1 } };
        const dual = await trainOneVsRest(matrix, classes, C, options);
        const source = streamed(matrix);
        const primal = await trainOneVsRest(source, classes, C, {
          ...options,
          solver: 'primal',
          blockRows: 75,
        });
        assert.equal(primal.solver, 'primal');
        assert.ok(source.read > 0);
        primal.certificates.forEach(({ converged, primal: value }, c) => {
          assert.ok(converged);
          assert.ok(Math.abs(value - dual.certificates[c]!.primal) <= 2e-4 * value);
        });
        assert.ok(farthest(primal.weights.data, dual.weights.data) < 0.1);
      }
    });

  it('reads blocks of one size from batches of another, every row once', async () => {
    for (const size of [1, 5, 7, 64, 149, 150, 500]) {
      for (const source of [matrix, streamed(matrix)]) {
        let row = 0;
        for await (const { start, block } of blocksOf(source, size)) {
          assert.equal(start, row);
          assert.deepEqual(block.data, matrix.data.slice(row * 64, (row + block.rows) * 64));
          row += block.rows;
          assert.ok(block.rows === size || row === 150);
        }
        assert.equal(row, 150);
      }
    }
    assert.deepEqual(await readAll(streamed(matrix)), matrix);
  });
});
