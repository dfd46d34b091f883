import assert from 'node:assert/strict';
import { bootstrap, mean, standardDeviation } from '../../src/evaluation/statistics.js';
import { Random } from '../../src/random.js';

describe('statistics', () => {
  it('gives mean and sample standard deviation', () => {
    assert.equal(mean([2, 4, 9]), 5);
    assert.equal(standardDeviation([2, 4, 9]), Math.sqrt((9 + 1 + 16) / 2));
    assert.equal(standardDeviation([3]), 0);
    assert.ok(Number.isNaN(mean([])));
  });

  it('bootstraps an interval that agrees with the normal one for a mean, to a tenth of its width', () => {
    const random = new Random(4);
    const values = Float64Array.from({ length: 400 }, () => random.normal());
    const { low, high } = bootstrap(
      values.length,
      (drawn) => {
        let sum = 0;
        for (const i of drawn) sum += values[i]!;
        return sum / drawn.length;
      },
      { resamples: 2000, seed: 2 },
    );
    const half = (1.96 * standardDeviation(values)) / Math.sqrt(values.length);
    assert.ok(Math.abs(low - (mean(values) - half)) < 0.1 * 2 * half);
    assert.ok(Math.abs(high - (mean(values) + half)) < 0.1 * 2 * half);
  });

  it('gives the same interval for the same seed, leaves NaN out, and checks its arguments', () => {
    const draw = (seed: number) => bootstrap(5, (drawn) => drawn[0]!, { resamples: 50, seed });
    assert.deepEqual(draw(1), draw(1));
    const withGaps = bootstrap(2, (drawn) => (drawn[0] === 0 ? NaN : 7), { resamples: 20 });
    assert.deepEqual([withGaps.low, withGaps.high], [7, 7]);
    assert.throws(() => bootstrap(0, () => 0), /at least one item/);
    assert.throws(() => bootstrap(1, () => 0, { resamples: 1 }), /resamples/);
    assert.throws(() => bootstrap(1, () => 0, { confidence: 1 }), /confidence/);
  });
});
