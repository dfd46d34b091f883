import assert from 'node:assert/strict';
import { averagePrecision } from '../../src/evaluation/average-precision.js';
import { meanApInterval } from '../../src/evaluation/ap-interval.js';
import { bootstrap } from '../../src/evaluation/statistics.js';
import { Random } from '../../src/random.js';

describe('interval of average precision', () => {
  const random = new Random(8);
  const n = 60;
  const labels = [0, 1].map(() => Int8Array.from({ length: n }, () => random.below(3) - 1));
  const scores = {
    rows: n,
    columns: 2,
    data: Float32Array.from({ length: 2 * n }, (_, i) => {
      const label = labels[i % 2]![Math.floor(i / 2)]!;
      return Math.fround(label + 2 * random.normal());
    }),
  };

  for (const form of ['11-point', 'all-points'] as const) {
    it(`is that of drawing items again and computing it afresh, ${form}`, () => {
      const options = { resamples: 100, seed: 3 };
      const slow = bootstrap(
        n,
        (drawn) => {
          const sorted = [...drawn].sort((a, b) => a - b);
          const aps = labels.map((own, c) =>
            averagePrecision(
              sorted.map((i) => scores.data[i * 2 + c]!),
              sorted.map((i) => own[i]!),
              form,
            ),
          );
          return (aps[0]! + aps[1]!) / 2;
        },
        options,
      );
      const quick = meanApInterval(scores, labels, form, options);
      assert.ok(Math.abs(quick.low - slow.low) < 1e-12, `${quick.low} ${slow.low}`);
      assert.ok(Math.abs(quick.high - slow.high) < 1e-12);
      assert.ok(quick.low < quick.high);
    });
  }
});
