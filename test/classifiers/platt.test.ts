import assert from 'node:assert/strict';
import { decisionValues } from '../../src/classifiers/model.js';
import { calibrate, fitSigmoid, probabilities, probability } from '../../src/classifiers/platt.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { Random } from '../../src/random.js';
import { clusters } from './data.js';

describe('Platt scaling', () => {
  it('finds the sigmoid that labels were drawn by', () => {
    const random = new Random(5);
    const truth = { a: -2, b: 0.7 };
    const values = Array.from({ length: 20_000 }, () => 2 * random.normal());
    const labels = Int8Array.from(values, (v) => (random.uniform() < probability(truth, v) ? 1 : -1));
    const { a, b } = fitSigmoid(values, labels);
    assert.ok(Math.abs(a - truth.a) < 0.1 && Math.abs(b - truth.b) < 0.06, `${a} ${b}`);
  });

  it('has no slope beyond what smoothed targets allow where sides are separated, and overlooks rows labelled 0', () => {
    const labels = Int8Array.of(1, 1, 1, -1, -1, -1);
    const sigmoid = fitSigmoid([3, 2, 1, -1, -2, -3], labels);
    assert.ok(sigmoid.a < 0 && Number.isFinite(sigmoid.a));
    assert.ok(probability(sigmoid, 1) > 0.6 && probability(sigmoid, -1) < 0.4);
    assert.deepEqual(fitSigmoid([3, 2, 1, -1, -2, -3, 1e6], Int8Array.of(...labels, 0)), sigmoid);
    assert.equal(probability({ a: -1, b: 0 }, 1e5), 1);
    assert.equal(probability({ a: -1, b: 0 }, -1e5), 0);
  });

  it('calibrates a model on held-out folds: of rows given p, a share of about p is positive', async () => {
    const { matrix, classes } = clusters(3, 200, 6, 2, 1.5);
    const model = await trainOneVsRest(matrix, classes, 1);
    const scores = decisionValues(model, matrix);
    assert.equal(probabilities(model, scores), undefined); // not calibrated: no probabilities
    const calibrated = await calibrate(model, matrix, classes);
    const { data } = probabilities(calibrated, scores)!;
    let [expectedPositives, positives] = [0, 0];
    for (let i = 0; i < matrix.rows; i++) {
      expectedPositives += data[i * 3]!;
      if (classes[0]!.labels[i] === 1) positives++;
    }
    assert.ok(Math.abs(expectedPositives - positives) < 25, `${expectedPositives} ${positives}`);
    assert.ok(data.every((p) => p > 0 && p < 1));
  });
});
