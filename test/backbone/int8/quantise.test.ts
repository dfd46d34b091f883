// Quantisation piece by piece: ranges from histograms, rounded weights, the folded input, the processor's arithmetic.
import assert from 'node:assert/strict';
import { Histogram } from '../../../src/backbone/int8/histogram.js';
import { foldInput, meanPixel, quantiseRows } from '../../../src/backbone/int8/quantise.js';
import { supportOf } from '../../../src/backbone/int8/vnni.js';
import { Random } from '../../../src/random.js';

/** Squared error of coding `values` in 256 levels up to `range`. */
const codeError = (values: Float32Array, range: number): number =>
  values.reduce((sum, x) => {
    const code = Math.min(255, Math.round((Math.max(0, x) * 255) / range));
    return sum + (Math.max(0, x) - (code * range) / 255) ** 2;
  }, 0);

describe('backbone/histogram', () => {
  const random = new Random('activations');
  const values = Float32Array.from({ length: 200_000 }, () => Math.max(0, random.normal()) ** 2);

  it('finds the range with the least squared error, whatever the order of the numbers', () => {
    const forwards = new Histogram();
    forwards.add(values.subarray(0, 1000));
    forwards.add(values.subarray(1000));
    const best = forwards.bestRange();
    const error = codeError(values, best);
    for (const factor of [0.7, 0.85, 1.2, 1.5])
      assert.ok(codeError(values, best * factor) >= error * 0.999, `${factor}`);
    const backwards = new Histogram();
    for (let i = values.length; i > 0; i -= 50_000) backwards.add(values.subarray(i - 50_000, i));
    assert.equal(backwards.bestRange(), best);
  });

  it('is better than the 99.9th percentile', () => {
    const histogram = new Histogram();
    histogram.add(values);
    assert.ok(codeError(values, histogram.percentile(0.999)) > 2 * codeError(values, histogram.bestRange()));
  });

  it('takes zeros only for what they are', () => {
    const histogram = new Histogram();
    histogram.add(new Float32Array(100));
    assert.equal(histogram.bestRange(), 1);
  });
});

describe('backbone/quantise', () => {
  it('rounds each row by its own scale, to 8 or 7 bits', () => {
    const weights = Float32Array.of(1, -0.5, 0.004, 0, 0, 0, 100, 50, -100);
    for (const [bits, most] of [
      [8, 127],
      [7, 63],
    ] as const) {
      const { integers, scale } = quantiseRows(weights, 3, bits);
      assert.deepEqual([...integers.subarray(3, 6)], [0, 0, 0]);
      assert.deepEqual([integers[0], integers[6], integers[8]], [most, most, -most]);
      integers.forEach((q, i) =>
        assert.ok(
          Math.abs(q * scale[Math.floor(i / 3)]! - weights[i]!) <= scale[Math.floor(i / 3)]! * 0.5001,
        ),
      );
    }
  });

  it('folds scale, mean, deviation and order of channels into the first layer', () => {
    const random = new Random('fold');
    const numbers = (n: number) => Float32Array.from({ length: n }, () => random.normal());
    const layer = {
      kind: 'conv',
      name: 'conv1_1',
      inputs: 3,
      outputs: 2,
      kernel: 1,
      padding: 0,
      relu: true,
    } as const;
    const [weights, bias] = [numbers(6), numbers(2)] as const;
    const input = { order: 'bgr', scale: 1 / 255, mean: [0.4, 0.45, 0.5], std: [0.2, 0.25, 0.3] } as const;
    const folded = foldInput(weights, bias, layer, input);
    const rgb = [200, 100, 50];
    const x = [2, 1, 0].map((channel, c) => (rgb[channel]! * input.scale - input.mean[c]!) / input.std[c]!);
    for (let o = 0; o < 2; o++) {
      const wanted = x.reduce((sum, value, c) => sum + value * weights[o * 3 + c]!, bias[o]!);
      const given = rgb.reduce((sum, value, c) => sum + value * folded.weights[o * 3 + c]!, folded.bias[o]!);
      assert.ok(Math.abs(wanted - given) < 1e-4);
    }
    assert.deepEqual(meanPixel(input), [128, 115, 102]);
  });

  it('takes 7 bits where sums of byte products are cut, whatever the flags say, and names VNNI where they are not', () => {
    assert.equal(supportOf(false, new Set(['avx2', 'avx512_vnni'])).bits, 7);
    for (const flag of ['avx512_vnni', 'avx_vnni']) {
      const { bits, reason } = supportOf(true, new Set(['avx2', flag]));
      assert.equal(bits, 8);
      assert.ok(reason.includes(flag));
    }
    assert.equal(supportOf(true, new Set()).bits, 8);
  });
});
