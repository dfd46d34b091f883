import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  addImage,
  emptySums,
  statisticsOf,
  symmetricEigen,
} from '../../../src/backbone/training/pixel-statistics.js';
import { Random } from '../../../src/random.js';

const multiply = (a: readonly (readonly number[])[], v: readonly number[]): number[] =>
  a.map((row) => row.reduce((sum, x, i) => sum + x * v[i]!, 0));

describe('pixel statistics', () => {
  const images = [5, 8].map((side, seed) => {
    const random = new Random(seed);
    return {
      width: side,
      height: 3,
      data: Uint8Array.from({ length: side * 9 }, (_, i) => random.below(120) + 60 * (i % 3)),
    };
  });
  const sums = emptySums();
  for (const image of images) addImage(sums, image);
  const statistics = statisticsOf(sums, images.length);

  it('equal the definitions over all pixels', () => {
    const pixels = images.flatMap(({ data }) =>
      Array.from({ length: data.length / 3 }, (_, i) => [...data.subarray(3 * i, 3 * i + 3)]),
    );
    assert.equal(statistics.pixels, 39);
    for (let c = 0; c < 3; c++) {
      const mean = pixels.reduce((sum, p) => sum + p[c]!, 0) / pixels.length;
      assert.ok(Math.abs(statistics.mean[c]! - mean) < 1e-9);
      for (let d = 0; d < 3; d++) {
        const covariance =
          pixels.reduce((sum, p) => sum + (p[c]! - statistics.mean[c]!) * (p[d]! - statistics.mean[d]!), 0) /
          pixels.length;
        assert.ok(Math.abs(statistics.covariance[c]![d]! - covariance) < 1e-8);
      }
      assert.ok(Math.abs(statistics.std[c]! - Math.sqrt(statistics.covariance[c]![c]!)) < 1e-9);
    }
  });

  it('decompose any symmetric matrix: A v = value v, unit vectors at right angles, largest value first', () => {
    const entry = fc.double({ min: -1000, max: 1000, noNaN: true });
    fc.assert(
      fc.property(entry, entry, entry, entry, entry, entry, (a, b, c, d, e, f) => {
        const matrix = [
          [a, b, c],
          [b, d, e],
          [c, e, f],
        ];
        const size = Math.max(1, ...matrix.flat().map(Math.abs));
        const { values, vectors } = symmetricEigen(matrix);
        assert.ok(values[0]! >= values[1]! && values[1]! >= values[2]!);
        vectors.forEach((v, i) => {
          multiply(matrix, v).forEach((x, k) => assert.ok(Math.abs(x - values[i]! * v[k]!) < 1e-9 * size));
          vectors.forEach((w, j) => {
            const dot = v.reduce((sum, x, k) => sum + x * w[k]!, 0);
            assert.ok(Math.abs(dot - (i === j ? 1 : 0)) < 1e-9);
          });
        });
      }),
    );
  });

  it("give the published colour constants for ImageNet's covariance", () => {
    // The eigenvalues and vectors that public code uses for pixels in [0, 1].
    const values = [0.2175, 0.0188, 0.0045];
    const vectors = [
      [-0.5675, -0.5808, -0.5836],
      [0.7192, -0.0045, -0.6948],
      [0.4009, -0.814, 0.4203],
    ];
    const covariance = [0, 1, 2].map((i) =>
      [0, 1, 2].map((j) =>
        values.reduce((sum, value, k) => sum + value * vectors[k]![i]! * vectors[k]![j]!, 0),
      ),
    );
    const pixels = 1000;
    const upper = [0, 0, 0, 1, 1, 2].map(
      (i, k) => covariance[i]![[0, 1, 2, 1, 2, 2][k]!]! * 255 ** 2 * pixels,
    );
    const { spread, axes } = statisticsOf(
      { pixels, sums: [0, 0, 0], products: upper as [number, number, number, number, number, number] },
      1,
    );
    [55.46, 4.794, 1.148].forEach((value, i) =>
      assert.ok(Math.abs(spread[i]! / value - 1) < 5e-3, spread.join(' ')),
    );
    axes.forEach((axis, i) => {
      const dot = axis.reduce((sum, x, c) => sum + x * vectors[i]![c]!, 0);
      assert.ok(Math.abs(Math.abs(dot) - 1) < 1e-3);
    });
  });

  it('let a channel that never changes be divided by', () => {
    const grey = emptySums();
    addImage(grey, { width: 2, height: 1, data: Uint8Array.of(9, 1, 2, 9, 3, 2) });
    assert.deepEqual(statisticsOf(grey, 1).std, [1, 1, 1]);
    assert.deepEqual(statisticsOf(grey, 1).mean, [9, 2, 2]);
  });
});
