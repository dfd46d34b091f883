// Greedy merging of boxes: by hand, and what holds for any boxes.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type RatedBox, matchScore, mergeBoxes } from '../../../src/backbone/boxes/merge.js';

const rated = (x: number, y: number, width: number, height: number, score = 1, windows = 1): RatedBox => ({
  ...{ box: { x, y, width, height }, score, windows },
});

/** Boxes on a coarse grid, so that equal scores and equal boxes are common. */
const anyBoxes = fc.array(
  fc
    .tuple(
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 9 }),
    )
    .map(([x, y, w, h, score]) => rated(x / 3, y / 3, w / 3, h / 3, score / 16)),
  { minLength: 1, maxLength: 14 },
);
const anyThreshold = fc.double({ min: 0, max: 2, noNaN: true });

describe('mergeBoxes', () => {
  it('by hand: a match score is the distance of centres over the common diagonal, and 1 - IoU', () => {
    // Two 4 x 3 boxes, one 4 to the right: centres 4 apart, together 8 x 3; nothing is shared.
    assert.equal(matchScore(rated(0, 0, 4, 3).box, rated(4, 0, 4, 3).box), 4 / Math.hypot(8, 3) + 1);
    // Half covers: centres 2 apart, together 6 x 3; 6 of 18 shared.
    assert.ok(
      Math.abs(matchScore(rated(0, 0, 4, 3).box, rated(2, 0, 4, 3).box) - (2 / Math.hypot(6, 3) + 2 / 3)) <
        1e-15,
    );
  });

  it('by hand: the nearest two first, weighted by their windows; the rating is the sum', () => {
    const [a, b, c] = [rated(0, 0, 10, 10, 0.5), rated(1, 0, 10, 10, 0.25), rated(4, 0, 10, 10, 1)];
    const far = rated(100, 100, 5, 5, 1.5);
    // a and b (score 0.25) become x 0.5; with c that is 3.5 / hypot(13.5, 10) + 1 - 65 / 135 = 0.727.
    assert.deepEqual(mergeBoxes([a, b, c, far], 0.5), [far, c, rated(0.5, 0, 10, 10, 0.75, 2)]);
    const [first, second, ...others] = mergeBoxes([a, b, c, far], 0.8);
    assert.deepEqual(others, []);
    assert.deepEqual([first!.score, first!.windows, first!.box.y, first!.box.width], [1.75, 3, 0, 10]);
    assert.ok(Math.abs(first!.box.x - 5 / 3) < 1e-12);
    assert.deepEqual(second, far);
  });

  it('gives the same whatever the order of the input', () => {
    fc.assert(
      fc.property(
        anyBoxes.chain((boxes) =>
          fc.tuple(fc.constant(boxes), fc.shuffledSubarray(boxes, { minLength: boxes.length })),
        ),
        anyThreshold,
        ([boxes, shuffled], threshold) =>
          assert.deepEqual(mergeBoxes(shuffled, threshold), mergeBoxes(boxes, threshold)),
      ),
    );
  });

  it('ends with boxes that are further apart than the threshold, and loses neither score nor window', () => {
    fc.assert(
      fc.property(anyBoxes, anyThreshold, (boxes, threshold) => {
        const left = mergeBoxes(boxes, threshold);
        left.forEach((a, i) =>
          left.slice(i + 1).forEach((b) => assert.ok(matchScore(a.box, b.box) > threshold)),
        );
        const sum = (all: readonly RatedBox[], key: 'score' | 'windows') =>
          all.reduce((total, one) => total + one[key], 0);
        assert.equal(sum(left, 'windows'), boxes.length);
        assert.ok(Math.abs(sum(left, 'score') - sum(boxes, 'score')) < 1e-12);
        assert.equal(left[0]!.score, Math.max(...left.map(({ score }) => score)));
      }),
    );
  });

  it('merges identical boxes to themselves, and one box to itself', () => {
    fc.assert(
      fc.property(anyBoxes, fc.integer({ min: 1, max: 12 }), anyThreshold, ([one], count, threshold) => {
        const { box } = one!;
        assert.deepEqual(
          mergeBoxes(
            Array.from({ length: count }, () => ({ box, score: 0.5, windows: 1 })),
            threshold,
          ),
          [{ box, score: count / 2, windows: count }],
        );
      }),
    );
  });

  it('is as the plain search over all pairs finds it', () => {
    const byAll = (boxes: readonly RatedBox[], threshold: number): RatedBox[] => {
      const left = [...boxes];
      for (;;) {
        let [least, at]: [number, [number, number]] = [Infinity, [0, 0]];
        left.forEach((a, i) =>
          left.forEach((b, j) => {
            if (j > i && matchScore(a.box, b.box) < least) [least, at] = [matchScore(a.box, b.box), [i, j]];
          }),
        );
        if (!(least <= threshold)) return left;
        const [a, b] = at.map((i) => left[i]!) as [RatedBox, RatedBox];
        const n = a.windows + b.windows;
        const mean = (key: 'x' | 'y' | 'width' | 'height') =>
          (a.box[key] * a.windows + b.box[key] * b.windows) / n;
        left.splice(at[1], 1);
        left.splice(at[0], 1, {
          ...{ box: { x: mean('x'), y: mean('y'), width: mean('width'), height: mean('height') } },
          ...{ score: a.score + b.score, windows: n },
        });
      }
    };
    // Boxes of random places: no two pairs are equally near.
    const real = fc.double({ min: 1, max: 9, noNaN: true });
    const boxes = fc.array(
      fc.tuple(real, real, real, real).map(([x, y, w, h]) => rated(x, y, w, h)),
      { minLength: 2, maxLength: 9 },
    );
    fc.assert(
      fc.property(boxes, fc.double({ min: 0.1, max: 1.9, noNaN: true }), (all, threshold) => {
        const scores = all.flatMap((a, i) => all.slice(i + 1).map((b) => matchScore(a.box, b.box)));
        fc.pre(new Set(scores.map((score) => score.toFixed(9))).size === scores.length);
        const numbers = (found: readonly RatedBox[]) =>
          found
            .map(({ box, windows }) =>
              [box.x, box.y, box.width, box.height, windows].map((v) => v.toFixed(6)).join(),
            )
            .sort();
        assert.deepEqual(numbers(mergeBoxes(all, threshold)), numbers(byAll(all, threshold)));
      }),
    );
  });
});
