import assert from 'node:assert/strict';
import { decisionValues } from '../../src/classifiers/model.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { rowOf } from '../../src/matrix.js';
import { clusters, farthest } from './data.js';

describe('trainOneVsRest', () => {
  const { matrix, classes } = clusters(3, 50, 12);

  for (const loss of ['hinge', 'squared-hinge'] as const)
    for (const C of [1e-3, 1, 1e3])
      it(`certifies the weights that it returns: ${loss}, C = ${C}`, async () => {
        const model = await trainOneVsRest(matrix, classes, C, { loss });
        const values = decisionValues(model, matrix);
        model.certificates.forEach((certificate, c) => {
          assert.ok(certificate.converged, `gap ${certificate.gap}`);
          let primal = model.biases[c]! ** 2 / 2;
          for (const w of rowOf(model.weights, c)) primal += (w * w) / 2;
          for (let i = 0; i < matrix.rows; i++) {
            const slack = Math.max(0, 1 - classes[c]!.labels[i]! * values.data[i * 3 + c]!);
            primal += C * (loss === 'hinge' ? slack : slack * slack);
          }
          assert.ok(Math.abs(primal - certificate.primal) <= 1e-5 * primal);
          assert.ok(certificate.dual <= primal * (1 + 1e-6) && primal - certificate.dual <= 1.1e-4 * primal);
        });
      });

  it('gives the same weights from one thread and from two, bit by bit', async () => {
    const one = await trainOneVsRest(matrix, classes, [0.1, 1, 10], { threads: 1 });
    const two = await trainOneVsRest(matrix, classes, [0.1, 1, 10], { threads: 2 });
    assert.deepEqual(two.weights, one.weights);
    assert.deepEqual(two.biases, one.biases);
    assert.deepEqual(two.certificates, one.certificates);
  });

  it('leaves rows labelled 0 out, as if they were not there', async () => {
    const ignored = classes.map(({ name, labels }) => ({
      name,
      labels: labels.map((y, i) => (i < 30 ? 0 : y)),
    }));
    const rest = { rows: 120, columns: 12, data: matrix.data.slice(30 * 12) };
    const without = classes.map(({ name, labels }) => ({ name, labels: labels.slice(30) }));
    const a = await trainOneVsRest(matrix, ignored, 1, { tolerance: 1e-6 });
    const b = await trainOneVsRest(rest, without, 1, { tolerance: 1e-6 });
    assert.ok(farthest(a.weights.data, b.weights.data) < 1e-3);
  });

  it('takes weights of the classes: balanced is rows / (2 rows of the side)', async () => {
    const balanced = await trainOneVsRest(matrix, classes, 1, { classWeight: 'balanced', tolerance: 1e-6 });
    const given = await trainOneVsRest(matrix, classes, 1, {
      classWeight: { positive: 150 / 100, negative: 150 / 200 },
      tolerance: 1e-6,
    });
    const plain = await trainOneVsRest(matrix, classes, 1, { tolerance: 1e-6 });
    assert.deepEqual(balanced.weights, given.weights);
    assert.ok(farthest(balanced.weights.data, plain.weights.data) > 0.01);
  });

  it('is not hurt by constant features, equal rows and rows of zeros', async () => {
    const columns = 5;
    const data = new Float32Array(20 * columns);
    for (let i = 0; i < 20; i++) {
      data[i * columns] = 1; // constant
      data[i * columns + 1] = i < 4 ? 0 : i % 2; // the first rows differ in nothing but their label
    }
    data.fill(0, 18 * columns); // rows of zeros
    const labels = Int8Array.from({ length: 20 }, (_, i) => (i % 2 ? 1 : -1));
    for (const bias of ['augmented', 'unregularised'] as const) {
      const model = await trainOneVsRest({ rows: 20, columns, data }, [{ name: 'odd', labels }], 10, {
        bias,
      });
      assert.ok(model.certificates[0]!.converged);
      assert.ok(model.weights.data.every(Number.isFinite));
      assert.equal(model.weights.data[2], 0); // a column of zeros has no weight
    }
  });
});
