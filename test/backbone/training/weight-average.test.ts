import assert from 'node:assert/strict';
import { averageRate } from '../../../src/backbone/training/weight-average.js';

describe('average of weights', () => {
  it('is the mean of every fourth step by powers of the decay, which add up to 1', () => {
    let [average, sum, total] = [0, 0, 0];
    for (let step = 1; step <= 43; step++) {
      const weight = Math.sin(step);
      const rate = averageRate(0.98, step);
      assert.equal(rate !== undefined, step % 4 === 0);
      if (rate === undefined) continue;
      if (step === 4) assert.equal(rate, 1);
      average += rate * (weight - average);
      sum = sum * 0.98 ** 4 + weight;
      total = total * 0.98 ** 4 + 1;
      assert.ok(Math.abs(average - sum / total) < 1e-12);
    }
  });

  it('is none with a decay of 0', () => {
    for (let step = 1; step < 9; step++) assert.equal(averageRate(0, step), undefined);
  });
});
