import assert from 'node:assert/strict';
import { Random } from '../src/random.js';

describe('random', () => {
  it('gives the same numbers for the same seed, others for another', () => {
    const draw = (...seed: (string | number)[]) =>
      Array.from(
        { length: 5 },
        function (this: Random) {
          return this.uint32();
        },
        new Random(...seed),
      );
    assert.deepEqual(draw(1, 'crop'), draw(1, 'crop'));
    assert.notDeepEqual(draw(1, 'crop'), draw(2, 'crop'));
    assert.notDeepEqual(draw(1, 'crop'), draw(1, 'flip'));
  });

  it('follows xoshiro128** as published: state 1, 2, 3, 4 gives 11520, 0, 5927040, 70819200', () => {
    const random = Random.from([1, 2, 3, 4]);
    assert.deepEqual(
      [1, 2, 3, 4].map(() => random.uint32()),
      [11520, 0, 5927040, 70819200],
    );
  });

  it('goes on from a saved state', () => {
    const random = new Random(7);
    random.uniform();
    const copy = Random.from(random.state);
    assert.deepEqual([copy.uniform(), copy.normal()], [random.uniform(), random.normal()]);
  });

  it('is uniform and normal to three standard errors', () => {
    const random = new Random(3);
    const n = 100_000;
    const mean = (draw: () => number) => Array.from({ length: n }, draw).reduce((a, b) => a + b) / n;
    assert.ok(Math.abs(mean(() => random.uniform()) - 0.5) < (3 * Math.sqrt(1 / 12)) / Math.sqrt(n));
    assert.ok(Math.abs(mean(() => random.normal())) < 3 / Math.sqrt(n));
    assert.ok(Math.abs(mean(() => random.normal() ** 2) - 1) < (3 * Math.sqrt(2)) / Math.sqrt(n));
  });

  it('shuffles to a permutation', () => {
    const values = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = new Random(5).shuffle(values);
    assert.notDeepEqual(shuffled, values);
    assert.deepEqual(
      [...shuffled].sort((a, b) => a - b),
      values,
    );
  });
});
