import assert from 'node:assert/strict';
import { blocksOf, readAll } from '../../src/classifiers/rows.js';
import { type Standing, solvePrimal } from '../../src/classifiers/primal.js';
import { type State, improve } from '../../src/classifiers/primal-passes.js';
import { fullSettings } from '../../src/classifiers/problem.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import type { OnProgress } from '../../src/progress.js';
import { withFolder } from '../support.js';
import { clusters, farthest, streamed } from './data.js';

describe('the primal solver', () => {
  const { matrix, classes } = clusters(3, 50, 64);

  for (const loss of ['hinge', 'squared-hinge'] as const)
    it(`streams rows to the solution of the dual solver: ${loss}`, async () => {
      for (const C of [0.1, 3]) {
        const options = { loss, tolerance: 1e-4, classWeight: { positive: 2, negative: 1 } };
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

  it('starts from the solution for another C, and needs fewer passes for it', async () => {
    for (const loss of ['hinge', 'squared-hinge'] as const) {
      const settings = fullSettings({ loss, tolerance: 1e-4 });
      const passes = async (C: number, starts?: readonly Standing[]) => {
        const source = streamed(matrix);
        const Cs = classes.map(() => C);
        const { fit, standings } = await solvePrimal(
          source,
          classes,
          Cs,
          settings,
          { blockRows: 60 },
          starts,
        );
        assert.ok(fit.certificates.every(({ converged }) => converged));
        return { fit, standings, read: source.read };
      };
      const cold = await passes(1);
      const warm = await passes(1, (await passes(0.9)).standings);
      assert.ok(warm.read < cold.read, `${warm.read} ${cold.read}`);
      cold.fit.certificates.forEach(({ primal }, c) =>
        assert.ok(Math.abs(warm.fit.certificates[c]!.primal - primal) <= 1e-4 * primal),
      );
    }
  });

  it('goes on after the round at which it was interrupted, to the same bits', () =>
    withFolder(async (checkpoint) => {
      const options = { solver: 'primal', blockRows: 40, tolerance: 1e-4 } as const;
      const whole = await trainOneVsRest(streamed(matrix), classes, 3, options);
      const rounds: number[] = [];
      const stopAt =
        (last: number): OnProgress =>
        ({ figures }) => {
          rounds.push(Number(figures!['round']));
          if (figures!['round'] === last) throw new Error('interrupted');
        };
      for (const last of [2, 3]) {
        const stopped = { ...options, checkpoint, onProgress: stopAt(last) };
        await assert.rejects(trainOneVsRest(streamed(matrix), classes, 3, stopped), /interrupted/);
      }
      assert.deepEqual(rounds, [0, 1, 2, 2, 3]);
      assert.deepEqual(await trainOneVsRest(streamed(matrix), classes, 3, { ...options, checkpoint }), whole);
      const source = streamed(matrix);
      assert.deepEqual(await trainOneVsRest(source, classes, 3, { ...options, checkpoint }), whole);
      assert.ok(source.read <= 2 * Math.ceil(150 / 7)); // Read to be recognised and to fetch rows, not to be solved again.
      const others = [
        { C: 2 },
        { loss: 'squared-hinge' as const },
        { blockRows: 41 },
        { matrix: { ...matrix, data: matrix.data.map((x, i) => (i === 77 ? x + 0.5 : x)) } },
      ];
      for (const { C = 3, matrix: rows = matrix, ...change } of others) {
        const own = { ...options, ...change, tolerance: 1e-2 };
        assert.deepEqual(
          await trainOneVsRest(streamed(rows), classes, C, { ...own, checkpoint }),
          await trainOneVsRest(streamed(rows), classes, C, own),
        );
      }
    }));

  it('takes the memory of one Gram matrix again and again: fresh memory costs more than the sums of short rows', async () => {
    const long = clusters(2, 400, 5);
    const settings = fullSettings({ tolerance: 1e-3 });
    const states = long.classes.map(({ labels }): State => {
      const zero = { alpha: new Float64Array(800), weights: new Float64Array(5), bias: 0 };
      return { labels, C: 1, ...zero, updates: 0, certificate: undefined };
    });
    const none = { indices: [], matrix: { rows: 0, columns: 5, data: new Float32Array(0) } };
    const first = await improve(long.matrix, states, none, settings, 100, 1);
    const second = await improve(long.matrix, states, none, settings, 100, 1, first);
    assert.ok(first?.memory);
    assert.equal(second?.memory, first.memory);
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
