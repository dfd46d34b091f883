import assert from 'node:assert/strict';
import { correctRows, trainingLoss } from '../../../src/backbone/training/loss.js';
import { randomArray } from '../tf.js';

/** -log soft-max of one entry, in double precision. */
const crossEntropy = (scores: readonly number[], label: number): number =>
  Math.log(scores.reduce((sum, x) => sum + Math.exp(x - scores[label]!), 0));

describe('loss', () => {
  const logits = randomArray(6 * 5, 3);
  const row = (i: number): number[] => [...logits.subarray(i * 5, i * 5 + 5)];
  const targets = [0, 2, 1, 2, 0, 1].map((label, i) => ({ label, superlabel: i % 2 }));
  const value = (heads: Parameters<typeof trainingLoss>[2], divisor = 6) =>
    trainingLoss(logits, targets, heads, divisor).loss;

  it('is the mean cross-entropy', () => {
    const formula = targets.reduce((sum, { label }, i) => sum + crossEntropy(row(i), label), 0) / 6;
    const loss = value({ classes: 5, superclasses: 0, superclassLoss: 0 });
    assert.ok(Math.abs(loss - formula) < 1e-6);
  });

  it('adds the weighted cross-entropy on the superclass, each head with a soft-max of its own', () => {
    const formula =
      targets.reduce(
        (sum, { label, superlabel }, i) =>
          sum + crossEntropy(row(i).slice(0, 3), label) + 0.7 * crossEntropy(row(i).slice(3), superlabel),
        0,
      ) / 6;
    const loss = value({ classes: 3, superclasses: 2, superclassLoss: 0.7 });
    assert.ok(Math.abs(loss - formula) < 1e-6);
  });

  it('spreads a share of the target over the outputs of each head, as worked out by hand', () => {
    // Soft-max of log 1, log 2, log 5 is 1/8, 1/4, 5/8.
    const scores = Float32Array.from([1, 2, 5], Math.log);
    const heads = { classes: 3, superclasses: 0, superclassLoss: 0, labelSmoothing: 0.3 };
    const { loss, gradient } = trainingLoss(scores, [{ label: 1 }], heads, 1);
    // The target is 0.1, 0.8, 0.1.
    const expected = 0.1 * Math.log(8) + 0.8 * Math.log(4) + 0.1 * Math.log(8 / 5);
    assert.ok(Math.abs(loss - expected) < 1e-6);
    [0.125 - 0.1, 0.25 - 0.8, 0.625 - 0.1].forEach((x, i) =>
      assert.ok(Math.abs(gradient[i]! - x) < 1e-7, `${i}`),
    );
    const both = { classes: 3, superclasses: 2, superclassLoss: 0.7, labelSmoothing: 0.2 };
    const smoothed = targets.reduce((sum, { label, superlabel }, i) => {
      const [a, b] = [row(i).slice(0, 3), row(i).slice(3)];
      const mean = (head: readonly number[]) =>
        head.reduce((total, _, k) => total + crossEntropy(head, k), 0) / head.length;
      const head = (h: readonly number[], k: number) => 0.8 * crossEntropy(h, k) + 0.2 * mean(h);
      return sum + head(a, label) + 0.7 * head(b, superlabel);
    }, 0);
    assert.ok(Math.abs(value(both, 1) - smoothed) < 1e-5);
  });

  it("adds the divergence from a teacher's soft targets, as worked out by hand", () => {
    // At temperature 2 the student's soft-max is 1/8, 1/4, 5/8, the teacher's 1/2, 1/4, 1/4.
    const scores = Float32Array.from([1, 2, 5], (x) => 2 * Math.log(x));
    const teacher = {
      scores: Float32Array.from([2, 1, 1], (x) => 2 * Math.log(x)),
      weight: 0.3,
      temperature: 2,
    };
    const heads = { classes: 3, superclasses: 0, superclassLoss: 0 };
    const divergence = 0.5 * Math.log(4) + 0.25 * Math.log(0.25 / 0.625);
    // Without a temperature, the student's soft-max is 1/30, 4/30, 25/30.
    const wanted = 0.7 * Math.log(30 / 4) + 0.3 * 4 * divergence;
    const { loss, gradient } = trainingLoss(scores, [{ label: 1 }], heads, 1, teacher);
    assert.ok(Math.abs(loss - wanted) < 1e-6, `${loss} ${wanted}`);
    [
      (0.7 * 1) / 30 + 0.3 * 2 * (0.125 - 0.5),
      0.7 * (4 / 30 - 1) + 0.3 * 2 * (0.25 - 0.25),
      (0.7 * 25) / 30 + 0.3 * 2 * (0.625 - 0.25),
    ].forEach((x, i) => assert.ok(Math.abs(gradient[i]! - x) < 1e-6, `${i}: ${gradient[i]} ${x}`));
    const alike = { ...teacher, scores, weight: 1 };
    const same = trainingLoss(scores, [{ label: 1 }], heads, 1, alike);
    assert.ok(Math.abs(same.loss) < 1e-12 && same.gradient.every((x) => Math.abs(x) < 1e-7));
  });

  it("parts of a batch add up to the batch's loss, and have its gradients", () => {
    const heads = { classes: 3, superclasses: 2, superclassLoss: 0.5 };
    const whole = trainingLoss(logits, targets, heads, 6);
    const parts = [
      [0, 2],
      [2, 6],
    ].map(([begin, end]) =>
      trainingLoss(logits.slice(begin! * 5, end! * 5), targets.slice(begin, end), heads, 6),
    );
    assert.ok(Math.abs(parts[0]!.loss + parts[1]!.loss - whole.loss) < 1e-12);
    assert.deepEqual([...parts[0]!.gradient, ...parts[1]!.gradient], [...whole.gradient]);
  });

  it('has the gradient that finite differences give', () => {
    const heads = { classes: 3, superclasses: 2, superclassLoss: 0.7, labelSmoothing: 0.1 };
    const { gradient } = trainingLoss(logits, targets, heads, 6);
    const h = 2 ** -8;
    gradient.forEach((analytic, i) => {
      const moved = (step: number) => {
        const scores = logits.slice();
        scores[i]! += step;
        return trainingLoss(scores, targets, heads, 6).loss;
      };
      const difference = (moved(h) - moved(-h)) / (2 * h);
      assert.ok(Math.abs(analytic - difference) < 1e-4, `${i}: ${analytic} ${difference}`);
    });
  });

  it('stays finite for scores far apart, and is not a number where a score is none', () => {
    const heads = { classes: 2, superclasses: 0, superclassLoss: 0 };
    assert.equal(trainingLoss(Float32Array.of(1e4, -1e4), [{ label: 1 }], heads, 1).loss, 2e4);
    assert.equal(trainingLoss(Float32Array.of(1e4, -1e4), [{ label: 0 }], heads, 1).loss, 0);
    assert.ok(Number.isNaN(trainingLoss(Float32Array.of(Number.NaN, 1), [{ label: 1 }], heads, 1).loss));
  });

  it('counts rows among the best 1 and 5; of equal scores the earlier class is first', () => {
    const scores = Float32Array.from(
      [
        [9, 1, 2, 3, 4, 5, 6, 0],
        [5, 5, 5, 5, 5, 5, 5, 0],
        [1, 2, 3, 4, 5, 6, 7, 99], // The last column is not a class.
      ].flat(),
    );
    const count = (...labels: number[]) =>
      correctRows(
        scores,
        8,
        7,
        labels.map((label) => ({ label })),
      );
    assert.deepEqual(count(0, 0, 6), { top1: 3, top5: 3 });
    assert.deepEqual(count(6, 4, 2), { top1: 0, top5: 3 });
    assert.deepEqual(count(1, 5, 1), { top1: 0, top5: 0 });
  });

  it('counts no row whose score is not a number', () => {
    const scores = Float32Array.from([Number.NaN, Number.NaN]);
    assert.deepEqual(correctRows(scores, 2, 2, [{ label: 0 }]), { top1: 0, top5: 0 });
  });
});
