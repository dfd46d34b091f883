// Properties of the SVMs on random problems: the gap, the box, how solutions scale, threads. `npm test` tries few, `npm run test:full` many.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fitDual } from '../../src/classifiers/dual.js';
import { gramOf } from '../../src/classifiers/gram.js';
import { solvePaths } from '../../src/classifiers/paths.js';
import { type ClassLabels, type SvmSettings, fullSettings } from '../../src/classifiers/problem.js';
import type { Solution } from '../../src/classifiers/solver/task.js';
import { rowOf } from '../../src/matrix.js';
import type { Matrix } from '../../src/matrix.js';
import { farthest } from './data.js';

interface Case {
  readonly matrix: Matrix;
  readonly classes: ClassLabels[];
  readonly C: number;
  readonly settings: SvmSettings;
}

const number = fc.integer({ min: -40, max: 40 }).map((value) => value / 10);

/** Rows with repeats, zeros and labels by chance: nothing that descriptors would be so kind as to have. */
const problem = fc
  .record({ rows: fc.integer({ min: 2, max: 24 }), columns: fc.integer({ min: 1, max: 6 }) })
  .chain(({ rows, columns }) =>
    fc.record({
      data: fc.array(number, { minLength: rows * columns, maxLength: rows * columns }),
      labels: fc.array(fc.constantFrom(1, -1, 0), { minLength: rows - 2, maxLength: rows - 2 }),
      C: fc.constantFrom(1e-3, 0.03, 1, 10, 1e3),
      loss: fc.constantFrom('hinge' as const, 'squared-hinge' as const),
      bias: fc.constantFrom('augmented' as const, 'unregularised' as const),
      positive: fc.constantFrom(0.5, 1, 4),
      rows: fc.constant(rows),
      columns: fc.constant(columns),
    }),
  )
  .map(({ data, labels, C, loss, bias, positive, rows, columns }): Case => ({
    matrix: { rows, columns, data: Float32Array.from(data) },
    classes: [{ name: 'a', labels: Int8Array.of(1, -1, ...labels) }],
    C,
    settings: { loss, bias, classWeight: { positive, negative: 1 }, tolerance: 1e-7 },
  }));

const fit = ({ matrix, classes, C, settings }: Case, threads = 1) =>
  fitDual(matrix, classes, [C], fullSettings(settings), { threads });

/** The primal objective, summed here from its definition. */
const objective = (
  { matrix, classes, C, settings }: Case,
  weights: ArrayLike<number>,
  bias: number,
): number => {
  let value = settings.bias === 'augmented' ? bias ** 2 / 2 : 0;
  for (let k = 0; k < weights.length; k++) value += weights[k]! ** 2 / 2;
  const sides = settings.classWeight as { positive: number; negative: number };
  classes[0]!.labels.forEach((y, i) => {
    if (y === 0) return;
    const f = rowOf(matrix, i).reduce((sum, x, k) => sum + x * weights[k]!, bias);
    const slack = Math.max(0, 1 - y * f);
    value += C * (y > 0 ? sides.positive : sides.negative) * (settings.loss === 'hinge' ? slack : slack ** 2);
  });
  return value;
};

/** The tests, on `runs` random problems each; on `threaded` ones where threads have to be started. */
export const testProperties = (runs: number, threaded: number, seed: number): void => {
  const check = (property: (one: Case) => Promise<void>, numRuns = runs) =>
    fc.assert(fc.asyncProperty(problem, property), { numRuns, seed });

  it('have a dual objective that is never above the primal one, and a gap at most the tolerance', () =>
    check(async (one) => {
      const { weights, biases, certificates } = await fit(one);
      const { primal, dual, gap, converged } = certificates[0]!;
      assert.ok(gap >= 0 && converged, `gap ${gap}`);
      assert.ok(dual <= primal * (1 + 1e-12), `${dual} ${primal}`);
      const own = objective(one, weights.data, biases[0]!);
      // Each row's loss may differ by what rounding the weights and the bias to float32 does to its value.
      const rounding =
        1e-6 * weights.data.reduce((sum, w) => sum + 4 * Math.abs(w), Math.abs(biases[0]!) + 1);
      const most = 1e-5 * own + 4 * one.C * one.matrix.rows * rounding * (1 + rounding);
      assert.ok(Math.abs(own - primal) <= most, `${own} ${primal}`);
    }));

  it('have coefficients in their box, which sum to zero over the sides where the bias is not regularised', () =>
    check(async (one) => {
      const settings = fullSettings(one.settings);
      const gram = gramOf(one.matrix, { threads: 1 });
      const found: Solution[] = [];
      const common = { settings, keep: 'coefficients' } as const;
      await solvePaths(gram, one.classes, [[one.C / 3, one.C]], common, { threads: 1 }, (_, solutions) => {
        found.push(...solutions);
      });
      const sides = one.settings.classWeight as { positive: number; negative: number };
      const { labels } = one.classes[0]!;
      for (const { C, alpha } of found) {
        let [balance, sum] = [0, 0];
        alpha!.forEach((a, i) => {
          const y = labels[i]!;
          const upper =
            y === 0 ? 0 : one.settings.loss === 'hinge' ? C * (y > 0 ? sides.positive : 1) : Infinity;
          assert.ok(a >= 0 && a <= upper, `row ${i}: ${a} of ${upper}`);
          [balance, sum] = [balance + y * a, sum + a];
        });
        if (one.settings.bias === 'unregularised') assert.ok(Math.abs(balance) <= 1e-6 * sum, `${balance}`);
      }
    }));

  it('scale: descriptors times s with C / s² and the bias input times s have the same decision values', () =>
    check(async (one) => {
      const s = 4; // a power of two: no rounding
      const scaled: Case = {
        ...one,
        matrix: { ...one.matrix, data: one.matrix.data.map((x) => x * s) },
        C: one.C / s ** 2,
        settings: { ...one.settings, biasScale: s },
      };
      const [a, b] = [await fit(one), await fit(scaled)];
      const [p, q] = [a.certificates[0]!, b.certificates[0]!];
      assert.ok(Math.abs(p.primal - s ** 2 * q.primal) <= 3e-7 * p.primal, `${p.primal} ${q.primal}`);
      const reach = Math.sqrt(2e-7 * p.primal) * 2 + 1e-5; // strong convexity: ½|w - w*|² is at most the gap
      const values = b.weights.data.map((w) => w * s);
      assert.ok(farthest(a.weights.data, values) <= 2 * reach, `${a.weights.data.join()} ${values.join()}`);
    }));

  it('are the same from one thread and from many, bit by bit', () =>
    check(async (one) => {
      const more = [one.classes[0]!, { name: 'b', labels: one.classes[0]!.labels.map((y) => -y) }];
      const [a, b] = await Promise.all(
        [1, 2].map((threads) =>
          fitDual(one.matrix, more, [one.C, one.C], fullSettings({ ...one.settings, tolerance: 1e-4 }), {
            threads,
          }),
        ),
      );
      assert.deepEqual(b, a);
    }, threaded));
};
