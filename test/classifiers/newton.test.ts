import assert from 'node:assert/strict';
import { decisionValues } from '../../src/classifiers/model.js';
import { fullSettings } from '../../src/classifiers/problem.js';
import { selectC } from '../../src/classifiers/select.js';
import { chooseSolver } from '../../src/classifiers/solvers.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { accuracy, clusters, farthest, streamed } from './data.js';

const { matrix, classes } = clusters(3, 100, 10, 1, 1.5);
const squared = { loss: 'squared-hinge', solver: 'newton' } as const;

/** Gradient of the primal objective at the weights, from its definition: [columns, bias]. */
const gradientOf = (
  weights: ArrayLike<number>,
  bias: number,
  labels: Int8Array,
  C: number,
  biasShare: number,
) => {
  const gradient = [...Array.from(weights), biasShare * bias];
  labels.forEach((y, row) => {
    const x = [...matrix.data.subarray(10 * row, 10 * row + 10), 1];
    const f = x.reduce((sum, value, k) => sum + value * (k < 10 ? weights[k]! : bias), 0);
    const factor = y === 0 ? 0 : 2 * C * y * Math.max(0, 1 - y * f);
    x.forEach((value, k) => (gradient[k]! -= factor * value));
  });
  return gradient;
};

describe("Newton's method for the squared hinge", () => {
  for (const bias of ['augmented', 'unregularised'] as const) {
    it(`ends where the gradient is nothing, for C from 1e-4 to 1e4, bias ${bias}`, async () => {
      const ignored = classes.map(({ name, labels }) => ({
        name,
        labels: labels.map((y, row) => (row % 9 === 0 ? 0 : y)),
      }));
      for (const C of [1e-4, 0.01, 1, 100, 1e4]) {
        const model = await trainOneVsRest(matrix, ignored, C, { ...squared, bias, tolerance: 1e-6 });
        assert.equal(model.solver, 'newton');
        ignored.forEach(({ labels }, c) => {
          const { gap, converged, updates } = model.certificates[c]!;
          assert.ok(converged && gap <= 1e-6 && updates <= 12, `C ${C}: ${gap} after ${updates}`);
          const weights = model.weights.data.subarray(10 * c, 10 * c + 10);
          const gradient = gradientOf(weights, model.biases[c]!, labels, C, bias === 'augmented' ? 1 : 0);
          const scale = 1 + 300 * C;
          assert.ok(Math.max(...gradient.map(Math.abs)) < 2e-4 * scale, `C ${C}: ${gradient.join()}`);
        });
      }
    });

    it(`has the objective and the decision values of the dual solver, bias ${bias}`, async () => {
      for (const classWeight of [{ positive: 3, negative: 0.5 }, 'balanced'] as const) {
        const settings = { loss: 'squared-hinge', bias, classWeight, tolerance: 1e-7 } as const;
        const Cs = [0.1, 1, 10];
        const dual = await trainOneVsRest(matrix, classes, Cs, { ...settings, solver: 'dual' });
        const newton = await trainOneVsRest(matrix, classes, Cs, {
          ...settings,
          solver: 'newton',
          tolerance: 1e-6,
        });
        const [a, b] = [decisionValues(dual, matrix), decisionValues(newton, matrix)];
        assert.ok(farthest(a.data, b.data) < 2e-3);
        newton.certificates.forEach(({ primal, dual: bound }, c) => {
          const optimum = dual.certificates[c]!;
          assert.ok(primal >= optimum.dual * (1 - 1e-6) && bound <= optimum.primal * (1 + 1e-6));
        });
      }
    });
  }

  it('gives the same from rows that are streamed, and chooses C on them as on those in memory', async () => {
    const inMemory = await trainOneVsRest(matrix, classes, 1, squared);
    const fromDisk = await trainOneVsRest(streamed(matrix), classes, 1, squared);
    assert.ok(farthest(inMemory.weights.data, fromDisk.weights.data) < 1e-5);
    const choice = { validation: [...Array(60).keys()], cGrid: [0.01, 1, 100], widen: false };
    const options = { loss: 'squared-hinge', ...choice } as const;
    const one = await selectC(streamed(matrix), classes, accuracy, { ...options, solver: 'newton' });
    const two = await selectC(matrix, classes, accuracy, { ...options, solver: 'dual' });
    assert.deepEqual(
      one.curve.map(({ mean }) => mean),
      two.curve.map(({ mean }) => mean),
    );
  });

  it('is chosen for many rows of few columns, with either bias, and refuses the hinge', () => {
    const size = (rows: number, columns: number) => ({ rows, columns, async *batches() {} });
    const chosen = (
      rows: number,
      columns: number,
      loss: 'hinge' | 'squared-hinge',
      bias: 'augmented' | 'unregularised' = 'augmented',
    ) =>
      chooseSolver(size(rows, columns), fullSettings({ loss, bias }), { memory: 2 ** 33, threads: 1 }, 10)
        .name;
    assert.equal(chosen(60_000, 784, 'squared-hinge'), 'newton');
    assert.equal(chosen(60_000, 784, 'squared-hinge', 'unregularised'), 'newton');
    assert.equal(chosen(60_000, 784, 'hinge'), 'primal');
    assert.equal(chosen(40_000, 12_288, 'squared-hinge'), 'primal');
    assert.equal(chosen(10_000, 784, 'squared-hinge'), 'dual');
    assert.throws(
      () => chooseSolver(size(60_000, 784), fullSettings({}), { solver: 'newton' }, 10),
      (error: { option?: string }) => error.option === 'loss',
    );
  });
});
