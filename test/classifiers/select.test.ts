import assert from 'node:assert/strict';
import { decisionValues } from '../../src/classifiers/model.js';
import type { Metric } from '../../src/classifiers/select.js';
import { stratifiedFolds } from '../../src/classifiers/folds.js';
import { DEFAULT_GRID, bestOf, refit, selectC } from '../../src/classifiers/select.js';
import { averagePrecision } from '../../src/evaluation/average-precision.js';
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
    const equal = selection.curve.filter(({ mean }) => mean >= best - 1e-9).map(({ C }) => C);
    assert.equal(selection.C, equal[(equal.length - 1) >> 1]);
    const model = await refit(matrix, classes, selection);
    assert.deepEqual(model.C, [selection.C, selection.C, selection.C]);
  });

  for (const solver of ['dual', 'primal'] as const) {
    it(`reports the worst gap of all classes, by the ${solver} solver`, async () => {
      const options = { validation, cGrid: [0.1, 1, 10], widen: false, solver } as const;
      const gapsOf = async (some: typeof classes): Promise<number[]> =>
        (await selectC(matrix, some, accuracy, options)).curve.map(({ worstGap }) => worstGap);
      const together = await gapsOf(classes);
      const alone = await Promise.all(classes.map((one) => gapsOf([one])));
      const columns = together.map((_, at) => alone.map((own) => own[at]!));
      assert.deepEqual(
        together,
        columns.map((gaps) => Math.max(...gaps)),
      );
      assert.ok(
        columns.some((gaps) => Math.max(...gaps) > Math.min(...gaps)),
        'gaps that are alike tell nothing',
      );
    });
  }

  it('scores held-out rows as SVMs trained without them do', async () => {
    const seen: Matrix[] = [];
    const spy: Metric = (scores, labels) => {
      seen.push(scores);
      return accuracy(scores, labels);
    };
    const grid = [0.1, 1, 10];
    await selectC(matrix, classes, spy, { validation, cGrid: grid, widen: false, tolerance: 1e-6 });
    const rest = { rows: 90, columns: 10, data: matrix.data.slice(300) };
    const labels = classes.map((c) => ({ ...c, labels: c.labels.slice(30) }));
    const out = { rows: 30, columns: 10, data: matrix.data.slice(0, 300) };
    for (const [i, C] of grid.entries()) {
      const model = await trainOneVsRest(rest, labels, C, { tolerance: 1e-6 });
      assert.ok(farthest(decisionValues(model, out).data, seen[i]!.data) < 2e-3);
    }
  });

  it('gives the same curve with every solver that solves the same problem', async () => {
    const options = { validation, cGrid: [0.1, 1], widen: false, tolerance: 1e-5 } as const;
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
    const selection = await selectC(matrix, classes, metric, { validation, cGrid: grid, cPerClass: true });
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
      const selection = await selectC(matrix, classes, metric, { validation, cGrid: [1, 0.1] });
      assert.equal(selection.C, expectedC);
      assert.ok(selection.widened.length > 0 && selection.widened.includes(expectedC));
    }
    const { metric } = towards(1e5, [1, 10]);
    const { curve } = await selectC(matrix, classes, metric, { validation, cGrid: [1, 10], widen: false });
    assert.equal(curve.length, 2);
  });

  it('holds each row out once in k folds, every class in each, the same for the same seed', async () => {
    const sizes: number[] = [];
    const metric: Metric = (scores, labels) => {
      sizes.push(scores.rows);
      for (const y of labels) assert.ok(y.filter((label) => label === 1).length >= 9);
      return accuracy(scores, labels);
    };
    const options = { cFolds: 4, cGrid: [1], seed: 3 };
    const a = await selectC(matrix, classes, metric, options);
    assert.deepEqual(sizes, [30, 30, 30, 30]);
    assert.deepEqual(await selectC(matrix, classes, accuracy, options), a);
  });

  it('takes the middle of a plateau, and the lower of two in the middle', async () => {
    const values = [1, 5, 5, 5, 2];
    let call = 0;
    const flat: Metric = () => {
      const value = values[call++ % values.length]!;
      return classes.map(() => value);
    };
    const selection = await selectC(matrix, classes, flat, { validation, cGrid: [0.1, 0.3, 1, 3, 10] });
    assert.equal(selection.C, 1);
    assert.equal(bestOf([4, 4]), 0);
    assert.equal(bestOf([NaN, 1, 4, 4, 4, 4]), 3);
  });

  it('widens the grid until the optimum is inside, however far that is', async () => {
    const asked: number[] = [];
    const grid = [0.1, 1];
    const metric: Metric = () => {
      const C = asked.length < grid.length ? grid[asked.length]! : asked.at(-1)! * 10;
      asked.push(C);
      return classes.map(() => -Math.abs(Math.log(C / 1e4)));
    };
    const selection = await selectC(matrix, classes, metric, { validation, cGrid: grid });
    assert.equal(selection.C, 1e4);
    assert.deepEqual(selection.widened, [10, 100, 1000, 1e4, 1e5]);
  });

  it('keeps rows of one group in one fold, and gives the same folds whatever the order of the rows', () => {
    const groups = Array.from({ length: 120 }, (_, row) => `image ${row >> 1}`);
    const several = classes.map(({ name, labels }, c) => ({
      name,
      labels: labels.map((y, row) => (c === 0 && row % 4 === 0 ? 1 : y)),
    }));
    const folds = stratifiedFolds(several, 5, 1, groups);
    for (const held of folds) {
      for (let row = 0; row < 120; row += 2)
        assert.equal(held[row], held[row + 1], `rows ${row}, ${row + 1}`);
      assert.ok(held.includes(1));
    }
    const order = [...groups.keys()].reverse();
    const turned = stratifiedFolds(
      several.map(({ name, labels }) => ({ name, labels: Int8Array.from(order, (row) => labels[row]!) })),
      5,
      1,
      order.map((row) => groups[row]!),
    );
    turned.forEach((held, f) => assert.deepEqual([...held].reverse(), [...folds[f]!]));
  });

  it('ranks by a small C as exactly as at a tiny gap', async () => {
    const ap: Metric = (scores, labels) =>
      labels.map((own, c) =>
        averagePrecision(
          Float64Array.from({ length: scores.rows }, (_, row) => scores.data[row * scores.columns + c]!),
          own,
          'all-points',
        ),
      );
    const problems = [1, 2, 3].flatMap((seed) => [
      { name: `240 rows, seed ${seed}`, problem: clusters(6, 40, 48, seed, 2), out: 120 },
      { name: `500 rows, seed ${seed}`, problem: clusters(10, 50, 64, seed, 2), out: 200 },
      { name: `1000 rows, seed ${seed}`, problem: clusters(10, 100, 128, seed, 2.5), out: 400 },
    ]);
    for (const { name, problem, out } of problems) {
      const held = Array.from({ length: out }, (_, i) => i);
      const options = { validation: held, cGrid: [0.01, 0.03, 0.1], widen: false } as const;
      const { curve } = await selectC(problem.matrix, problem.classes, ap, options);
      const exact = await selectC(problem.matrix, problem.classes, ap, { ...options, tolerance: 1e-6 });
      curve.forEach(({ C, mean }, i) => {
        const difference = 100 * Math.abs(mean - exact.curve[i]!.mean);
        assert.ok(difference < 0.1, `${name}, C ${C}: ${difference} points`);
      });
    }
  });
});
