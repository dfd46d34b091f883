import assert from 'node:assert/strict';
import { chanceOf } from '../../../benchmarks/protocol/chance.js';
import { outcomeOf } from '../report/outcomes.js';

describe('chanceOf', () => {
  const images = (labels: readonly string[][]) =>
    labels.map((own) => ({ labels: own, scores: [0, 0, 0, 0, 0, 0, 0, 0] }));
  const classes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

  it('is one class of all where images have one label, and five for the first five', () => {
    const figures = { meanClassRecall: 90, accuracy: 91, top5: 99 };
    assert.deepEqual(chanceOf([outcomeOf(classes, images([['a'], ['b']]), figures)]), {
      meanClassRecall: 12.5,
      accuracy: 12.5,
      top5: 62.5,
    });
    assert.deepEqual(chanceOf([outcomeOf(['a', 'b'], images([['a']]), { top5: 1 })]), { top5: 100 });
  });

  it('is the mean average precision of random orders', () => {
    // One positive of four images: its rank r is uniform, and every form gives 1/r.
    const single = classes.map((name) => [name]).slice(0, 4);
    const four = outcomeOf(classes.slice(0, 4), images(single), { mAP: 1, mAPAllPoints: 1 });
    const { mAP, mAPAllPoints } = chanceOf(
      Array.from({ length: 25 }, () => four),
      '11-point',
    );
    const expected = (100 * (1 + 1 / 2 + 1 / 3 + 1 / 4)) / 4;
    assert.ok(Math.abs(mAP! - expected) < 10, `${mAP}`);
    assert.ok(Math.abs(mAPAllPoints! - expected) < 10, `${mAPAllPoints}`);
    const all = outcomeOf(['a'], images([['a'], ['a']]), { mAP: 1 });
    assert.deepEqual(chanceOf([all]), { mAP: 100 });
    // Half of many images: about half, and the 11-point form above the other.
    const half = outcomeOf(['a', 'b'], images(Array.from({ length: 400 }, (_, i) => [i % 2 ? 'a' : 'b'])), {
      mAP: 1,
      mAP11Point: 1,
    });
    const many = chanceOf([half]);
    assert.ok(many['mAP']! > 48 && many['mAP']! < 60, `${many['mAP']}`);
    assert.ok(many['mAP11Point']! > many['mAP']!);
  });

  it('is nothing where nothing was scored', () => {
    assert.deepEqual(chanceOf([outcomeOf(classes, [], {})]), {});
    assert.deepEqual(chanceOf([]), {});
  });
});
