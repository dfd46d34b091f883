import assert from 'node:assert/strict';
import { decisionValues } from '../../src/classifiers/model.js';
import { oneVsRest } from '../../src/classifiers/problem.js';
import { refit, selectC } from '../../src/classifiers/select.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { rowOf } from '../../src/matrix.js';
import { Random } from '../../src/random.js';

/** Rows of length one around a shared mean, `classes` clusters of `each`, as descriptors are. */
const clusters = (classes: number, each: number, columns: number, seed = 1, noise = 1) => {
  const random = new Random(seed);
  const centres = Array.from({ length: classes }, () =>
    Array.from({ length: columns }, () => Math.abs(random.normal())),
  );
  const rows = classes * each;
  const data = new Float32Array(rows * columns);
  const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
  for (let i = 0; i < rows; i++) {
    const centre = centres[i % classes]!;
    const row = centre.map((x) => Math.max(0, x + noise * random.normal()));
    const norm = Math.hypot(...row);
    row.forEach((x, k) => (data[i * columns + k] = x / norm));
  }
  const labels = oneVsRest(
    names,
    Array.from({ length: rows }, (_, i) => [names[i % classes]!]),
  );
  return { matrix: { rows, columns, data }, classes: labels };
};

describe('trainOneVsRest', () => {
  it('reaches the gap and gives the decision values that the certificate speaks of', async () => {
    const { matrix, classes } = clusters(4, 60, 20);
    for (const loss of ['hinge', 'squared-hinge'] as const) {
      for (const C of [1e-3, 1, 1e3]) {
        const model = await trainOneVsRest(matrix, classes, C, { loss, tolerance: 1e-4 });
        const values = await decisionValues(model, matrix);
        model.certificates.forEach((certificate, c) => {
          assert.ok(certificate.converged, `${loss} ${C}: gap ${certificate.gap}`);
          let primal = model.biases[c]! ** 2 / 2;
          for (const w of rowOf(model.weights, c)) primal += (w * w) / 2;
          for (let i = 0; i < matrix.rows; i++) {
            const slack = Math.max(0, 1 - classes[c]!.labels[i]! * values.data[i * 4 + c]!);
            primal += C * (loss === 'hinge' ? slack : slack * slack);
          }
          assert.ok(
            Math.abs(primal - certificate.primal) <= 1e-3 * primal,
            `${primal} ${certificate.primal}`,
          );
        });
      }
    }
  });

  it('chooses C by the metric and refits', async () => {
    const { matrix, classes } = clusters(3, 40, 10);
    const validation = Array.from({ length: 30 }, (_, i) => i);
    const accuracy = (scores: { columns: number; data: Float32Array }, labels: readonly Int8Array[]) =>
      labels.map((y, c) => y.filter((l, i) => Math.sign(scores.data[i * scores.columns + c]!) === l).length);
    const selection = await selectC(matrix, classes, accuracy, { validation });
    assert.equal(selection.curve.length, 8);
    const best = Math.max(...selection.curve.map(({ mean }) => mean));
    assert.equal(selection.curve.find(({ C }) => C === selection.C)!.mean, best);
    const model = await refit(matrix, classes, selection);
    assert.deepEqual(model.C, [selection.C, selection.C, selection.C]);
  });
});
