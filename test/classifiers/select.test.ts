import assert from 'node:assert/strict';
import { decisionValues } from '../../src/classifiers/model.js';
import type { Metric } from '../../src/classifiers/select.js';
import { DEFAULT_GRID, refit, selectC } from '../../src/classifiers/select.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import type { Matrix } from '../../src/matrix.js';
import { accuracy, clusters, farthest } from './data.js';

const { matrix, classes } = clusters(3, 40, 10);
const validation = Array.from({ length: 30 }, (_, i) => i);

describe('choosing C', () => {
  it('takes the best mean on the held-out rows, gives the whole curve, and refits on all rows', async () => {
    const selection = await selectC(matrix, classes, accuracy, { validation, widen: false });
    assert.deepEqual(
      selection.curve.map(({ C }) => C),
      DEFAULT_GRID,
    );
    for (const { mean, perClass, worstGap } of selection.curve) {
      assert.ok(Math.abs(mean - (perClass[0]! + perClass[1]! + perClass[2]!) / 3) < 1e-9);
      assert.ok(worstGap <= 1e-3);
    }
    const best = Math.max(...selection.curve.map(({ mean }) => mean));
    const equal = selection.curve.filter(({ mean }) => mean === best).map(({ C }) => C);
    assert.equal(selection.C, equal[(equal.length - 1) >> 1]);
    const model = await refit(matrix, classes, selection);
    assert.deepEqual(model.C, [selection.C, selection.C, selection.C]);
  });

  it('scores held-out rows as SVMs trained without them do', async () => {
    const seen: Matrix[] = [];
    const spy: Metric = (scores, labels) => {
      seen.push(scores);
      return accuracy(scores, labels);
    };
    const grid = [0.1, 1, 10];
    await selectC(matrix, classes, spy, { validation, grid, widen: false, tolerance: 1e-6 });
    const rest = { rows: 90, columns: 10, data: matrix.data.slice(300) };
    const labels = classes.map((c) => ({ ...c, labels: c.labels.slice(30) }));
    const out = { rows: 30, columns: 10, data: matrix.data.slice(0, 300) };
    for (const [i, C] of grid.entries()) {
      const model = await trainOneVsRest(rest, labels, C, { tolerance: 1e-6 });
      assert.ok(farthest(decisionValues(model, out).data, seen[i]!.data) < 2e-3);
    }
  });

  it('gives the same curve with every solver that solves the same problem', async () => {
    const options = { validation, grid: [0.1, 1], widen: false, tolerance: 1e-5 } as const;
    const dual = await selectC(matrix, classes, accuracy, options);
    const primal = await selectC(matrix, classes, accuracy, { ...options, solver: 'primal' });
    assert.deepEqual(
      primal.curve.map(({ mean }) => mean),
      dual.curve.map(({ mean }) => mean),
    );
    const unregularised = { ...options, bias: 'unregularised' } as const;
    const own = await selectC(matrix, classes, accuracy, unregularised);
    const libsvm = await selectC(matrix, classes, accuracy, { ...unregularised, solver: 'libsvm' });
    assert.deepEqual(
      libsvm.curve.map(({ mean }) => mean),
      own.curve.map(({ mean }) => mean),
    );
  });

  it('takes a C of its own for each class', async () => {
    const wanted = [0.1, 1, 3];
    let call = 0;
    const grid = [0.03, 0.1, 0.3, 1, 3, 10];
    const metric: Metric = () => {
      const C = grid[call++ % grid.length]!;
      return wanted.map((best) => -Math.abs(Math.log(C / best)));
    };
    const selection = await selectC(matrix, classes, metric, { validation, grid, choose: 'per-class' });
    assert.deepEqual(selection.C, wanted);
    assert.deepEqual((await refit(matrix, classes, selection)).C, wanted);
  });

  it('widens the grid while the best lies at its edge, and says so', async () => {
    const towards = (target: number, grid: number[]) => {
      const asked: number[] = [];
      let known = [...grid];
      const metric: Metric = () => {
        if (known.length === 0) known = [asked.length === 0 ? NaN : nextOf(asked, target)];
        const C = known.shift()!;
        asked.push(C);
        return classes.map(() => -Math.abs(Math.log(C / target)));
      };
      return { asked, metric };
    };
    const nextOf = (asked: number[], target: number): number =>
      target > 1 ? Math.max(...asked) * 10 : Math.min(...asked) / 10;
    for (const [target, expectedC] of [
      [100, 100],
      [0.01, 0.01],
    ] as const) {
      const { metric } = towards(target, [0.1, 1]);
      const selection = await selectC(matrix, classes, metric, { validation, grid: [1, 0.1] });
      assert.equal(selection.C, expectedC);
      assert.ok(selection.widened.length > 0 && selection.widened.includes(expectedC));
    }
    const { metric } = towards(1e5, [1, 10]);
    const { curve } = await selectC(matrix, classes, metric, { validation, grid: [1, 10], widen: false });
    assert.equal(curve.length, 2);
  });

  it('holds each row out once in k folds, every class in each, the same for the same seed', async () => {
    const sizes: number[] = [];
    const metric: Metric = (scores, labels) => {
      sizes.push(scores.rows);
      for (const y of labels) assert.ok(y.filter((label) => label === 1).length >= 9);
      return accuracy(scores, labels);
    };
    const options = { folds: 4, grid: [1], seed: 3 };
    const a = await selectC(matrix, classes, metric, options);
    assert.deepEqual(sizes, [30, 30, 30, 30]);
    assert.deepEqual(await selectC(matrix, classes, accuracy, options), a);
  });
});
