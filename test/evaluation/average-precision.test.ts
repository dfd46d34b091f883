import assert from 'node:assert/strict';
import fc from 'fast-check';
import { averagePrecision, precisionRecall } from '../../src/evaluation/average-precision.js';
import { MISSING } from '../../src/evaluation/ranking.js';

const near = (actual: number, wanted: number) =>
  assert.ok(Math.abs(actual - wanted) < 1e-12, `${actual} is not ${wanted}`);

/** Each trap, worked out by hand: precision at each positive found, then both forms. */
const cases: {
  trap: string;
  scores: number[];
  labels: number[];
  elevenPoint: number;
  allPoints: number;
}[] = [
  {
    // Ranking + - + -: precision 1, 1/2, 2/3, 1/2 at recall 1/2, 1/2, 1, 1.
    // 11 points: recalls 0 to 0.5 (six) see 1, recalls 0.6 to 1 (five) see 2/3.
    trap: 'a plain ranking',
    scores: [4, 3, 2, 1],
    labels: [1, -1, 1, -1],
    elevenPoint: (6 + 5 * (2 / 3)) / 11,
    allPoints: 0.5 + 0.5 * (2 / 3),
  },
  {
    // The same ranking with difficult items on top, between and below: nothing changes, and precision is never 0/0.
    trap: 'label 0 counts as neither',
    scores: [9, 4, 3.5, 3, 2, 1, 0],
    labels: [0, 1, 0, -1, 1, -1, 0],
    elevenPoint: (6 + 5 * (2 / 3)) / 11,
    allPoints: 0.5 + 0.5 * (2 / 3),
  },
  {
    // All scores equal: file order - + decides. Precision 0, 1/2 at recall 0, 1.
    trap: 'ties keep file order, negative first',
    scores: [1, 1],
    labels: [-1, 1],
    elevenPoint: 0.5,
    allPoints: 0.5,
  },
  {
    trap: 'ties keep file order, positive first',
    scores: [1, 1],
    labels: [1, -1],
    elevenPoint: 1,
    allPoints: 1,
  },
  {
    // The second positive has no score: behind both negatives, precision 2/4 at recall 1.
    trap: 'an item without a score ranks last and still counts',
    scores: [0.5, MISSING, -3, -1e30],
    labels: [1, 1, -1, -1],
    elevenPoint: (6 + 5 * 0.5) / 11,
    allPoints: 0.5 + 0.5 * 0.5,
  },
  {
    // Precision rises again: - + + has 0, 1/2, 2/3; the envelope is 2/3 from the start.
    trap: 'precision is made monotone from the right',
    scores: [3, 2, 1],
    labels: [-1, 1, 1],
    elevenPoint: 2 / 3,
    allPoints: 2 / 3,
  },
  {
    // Ten positives first in the ranking but the third place is a negative: recall 0.3 is 3/10 exactly,
    // reached at precision 3/4; recalls 0, 0.1, 0.2 see 1, the others the best later precision, 10/11.
    trap: 'a recall of exactly 0.3 is reached (t = i/10)',
    scores: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    labels: [1, 1, -1, 1, 1, 1, 1, 1, 1, 1, 1],
    elevenPoint: (3 + 8 * (10 / 11)) / 11,
    allPoints: 0.2 + 0.8 * (10 / 11),
  },
  {
    trap: 'a single positive at the very end',
    scores: [3, 2, 1],
    labels: [-1, -1, 1],
    elevenPoint: 1 / 3,
    allPoints: 1 / 3,
  },
];

describe('average precision', () => {
  for (const { trap, scores, labels, elevenPoint, allPoints } of cases) {
    it(`is as worked out by hand: ${trap}`, () => {
      near(averagePrecision(scores, labels, '11-point'), elevenPoint);
      near(averagePrecision(scores, labels, 'all-points'), allPoints);
    });
  }

  it('is not a number without a positive', () => {
    assert.ok(Number.isNaN(averagePrecision([1, 2], [-1, 0], '11-point')));
    assert.ok(Number.isNaN(averagePrecision([1, 2], [-1, 0], 'all-points')));
  });

  it('takes equal scores at once in the form of scikit-learn', () => {
    // - + tied on top, then +: precision 1/2 at recall 1/2, 2/3 at recall 1, whatever the order of the first two.
    near(averagePrecision([2, 2, 1], [-1, 1, 1], 'step'), 0.5 * 0.5 + 0.5 * (2 / 3));
    near(averagePrecision([2, 2, 1], [1, -1, 1], 'step'), 0.5 * 0.5 + 0.5 * (2 / 3));
  });

  it('gives the curve itself, difficult items left out', () => {
    const { precision, recall, scores, positives } = precisionRecall([4, 5, 3], [1, 0, -1]);
    assert.deepEqual([[...precision], [...recall], [...scores], positives], [[1, 0.5], [1, 1], [4, 3], 1]);
  });

  it('refuses scores that are no numbers and lengths that differ, and names them', () => {
    assert.throws(() => averagePrecision([1, NaN], [1, -1]), /the score of item 1/);
    assert.throws(() => averagePrecision([1], [1, -1]), /2 scores.*received 1/);
  });

  it('does not change under a rising map of the scores, and is 1 exactly for a perfect ranking', () => {
    const item = fc.record({ score: fc.integer({ min: -50, max: 50 }), label: fc.constantFrom(-1, 0, 1) });
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 60 }), (items) => {
        const labels = items.map(({ label }) => label);
        fc.pre(labels.includes(1));
        for (const form of ['11-point', 'all-points', 'step'] as const) {
          const value = averagePrecision(
            items.map(({ score }) => score),
            labels,
            form,
          );
          const mapped = averagePrecision(
            items.map(({ score }) => Math.exp(score / 10)),
            labels,
            form,
          );
          near(mapped, value);
          assert.ok(value > 0 && value <= 1 + 1e-12);
          near(averagePrecision(labels, labels, form), 1);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
