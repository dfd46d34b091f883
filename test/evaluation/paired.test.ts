// Paired comparison: worked out by hand, against the exact test of McNemar, and the laws of a difference.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Trial, pairedComparison, recallWithInterval, verdictOf } from '../../src/evaluation/paired.js';
import { Random } from '../../src/random.js';

const single = (count: number): Trial[] => Array.from({ length: count }, (_, image) => ({ image, group: 0 }));
const bits = (text: string): Uint8Array => Uint8Array.from(text, Number);

describe('paired comparison', () => {
  it('is the difference of mean class recalls, by hand', () => {
    // Class 0: 1 of 1 against 0 of 1; class 1: 1 of 3 against 2 of 3: (100 − 33.3) / 2 = 33.3.
    const trials = [0, 1, 1, 1].map((group, image) => ({ image, group }));
    const { difference } = pairedComparison(trials, [{ better: bits('1100'), than: bits('0011') }]);
    assert.ok(Math.abs(difference - 100 / 3) < 1e-9, String(difference));
    const { recall } = recallWithInterval(trials, bits('1100'));
    assert.ok(Math.abs(recall - 200 / 3) < 1e-9, String(recall));
  });

  it('averages over seeds', () => {
    const pairs = [
      { better: bits('1111'), than: bits('1110') }, // + 25
      { better: bits('1100'), than: bits('1110') }, // − 25
      { better: bits('1111'), than: bits('0000') }, // + 100
    ];
    assert.ok(Math.abs(pairedComparison(single(4), pairs).difference - 100 / 3) < 1e-9);
  });

  it('has the interval of a normal deviate for many images: the difference ± 1.96 of its standard error', () => {
    const random = new Random('paired');
    const count = 1000;
    const than = Uint8Array.from({ length: count }, () => Number(random.uniform() < 0.3));
    const better = than.map((right) => (random.uniform() < 0.2 ? Number(random.uniform() < 0.4) : right));
    const { difference, low, high } = pairedComparison(single(count), [{ better, than }], {
      resamples: 4000,
    });
    const gains = Array.from(better, (right, i) => right - than[i]!);
    const mean = gains.reduce((a, b) => a + b, 0) / count;
    const error = Math.sqrt(gains.reduce((a, b) => a + (b - mean) ** 2, 0) / count / count);
    assert.ok(Math.abs(difference - 100 * mean) < 1e-9);
    assert.ok(Math.abs(low - 100 * (mean - 1.96 * error)) < 15 * error, `${low}`);
    assert.ok(Math.abs(high - 100 * (mean + 1.96 * error)) < 15 * error, `${high}`);
  });

  it('draws an image that several splits test as a whole: the interval does not shrink by testing it twice', () => {
    const once = single(50);
    const twice = [...once, ...once.map(({ image }) => ({ image, group: 1 }))];
    const random = new Random('twice');
    const [better, than] = [0.6, 0.4].map((share) =>
      Uint8Array.from({ length: 50 }, () => Number(random.uniform() < share)),
    );
    const one = pairedComparison(once, [{ better: better!, than: than! }]);
    const both = pairedComparison(twice, [
      { better: Uint8Array.of(...better!, ...better!), than: Uint8Array.of(...than!, ...than!) },
    ]);
    for (const figure of ['difference', 'low', 'high'] as const)
      assert.ok(Math.abs(one[figure] - both[figure]) < 1e-9, figure);
  });

  it('is wider where seeds disagree than over the images alone', () => {
    const random = new Random('seeds');
    const draw = (share: number) => Uint8Array.from({ length: 400 }, () => Number(random.uniform() < share));
    const than = draw(0.5);
    const pairs = [0.3, 0.5, 0.7].map((share) => ({ better: draw(share), than }));
    const { low, high } = pairedComparison(single(400), pairs);
    const alone = pairedComparison(single(400), [pairs[1]!]);
    assert.ok(high - low > 1.5 * (alone.high - alone.low), `${low} to ${high}`);
  });

  it('changes its sign with its sides, and is nothing between a classifier and itself', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 30 }),
        (rows) => {
          const trials = rows.map(([group], image) => ({ image, group }));
          const [a, b] = [1, 2].map((side) => Uint8Array.from(rows, (row) => Number(row[side])));
          const options = { resamples: 20 };
          const [forth, back] = [
            pairedComparison(trials, [{ better: a!, than: b! }], options),
            pairedComparison(trials, [{ better: b!, than: a! }], options),
          ];
          assert.ok(Math.abs(forth.difference + back.difference) < 1e-9);
          assert.ok(Math.abs(forth.low + back.high) < 1e-9);
          const same = pairedComparison(trials, [{ better: a!, than: a! }], options);
          assert.deepEqual([same.difference, same.low, same.high, same.verdict], [0, 0, 0, 'undecided']);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('holds where the interval lies above zero, does not where it lies below, else is undecided', () => {
    assert.deepEqual(
      [
        { low: 0.1, high: 2 },
        { low: -2, high: -0.1 },
        { low: -1, high: 1 },
        { low: 0, high: 1 },
      ].map(verdictOf),
      ['holds', 'does not', 'undecided', 'undecided'],
    );
  });

  it('refuses what cannot be compared', () => {
    assert.throws(() => pairedComparison(single(2), []), /at least one pair/);
    assert.throws(() => pairedComparison(single(2), [{ better: bits('10'), than: bits('1') }]), /2 results/);
    assert.throws(() => pairedComparison([], [{ better: bits(''), than: bits('') }]), /at least one item/);
  });
});
