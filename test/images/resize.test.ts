// Resizing: sizes worked out by hand, pixels of simple cases exactly, every interpolation named.
import assert from 'node:assert/strict';
import { ImageError, type RgbImage } from '../../src/images/image.js';
import { interpolations } from '../../src/interpolation.js';
import { resizeSmallestSide, resizeTo, sizeForSmallestSide } from '../../src/images/resize.js';
import { UsageError } from '../../src/errors.js';

/** A grey image from rows of values. */
const grey = (...rows: readonly (readonly number[])[]): RgbImage => ({
  width: rows[0]!.length,
  height: rows.length,
  data: Uint8Array.from(rows.flatMap((row) => row.flatMap((value) => [value, value, value]))),
});

const column = ({ data }: RgbImage): number[] => [...data].filter((_, i) => i % 3 === 0);

describe('sizeForSmallestSide', () => {
  it('keeps the proportions and rounds the longer side', () => {
    assert.deepEqual(sizeForSmallestSide(500, 375, 256), { width: 341, height: 256 }); // 341.33
    assert.deepEqual(sizeForSmallestSide(375, 500, 256), { width: 256, height: 341 });
    assert.deepEqual(sizeForSmallestSide(500, 333, 384), { width: 577, height: 384 }); // 576.58
    assert.deepEqual(sizeForSmallestSide(8, 3, 4), { width: 11, height: 4 }); // 10.67
    assert.deepEqual(sizeForSmallestSide(7, 7, 224), { width: 224, height: 224 });
  });
});

describe('resizeSmallestSide', () => {
  it('keeps an image of the right size as it is', async () => {
    const image = grey([1, 2, 3], [4, 5, 6]);
    for (const interpolation of interpolations)
      assert.equal(await resizeSmallestSide(image, 2, interpolation), image);
  });

  it('keeps a plain image plain, and each channel apart, with every interpolation, up and down', async () => {
    const data = new Uint8Array(10 * 8 * 3).map((_, i) => [10, 100, 250][i % 3]!);
    for (const interpolation of interpolations) {
      for (const q of [3, 16]) {
        const result = await resizeSmallestSide({ width: 10, height: 8, data }, q, interpolation);
        assert.deepEqual([result.width, result.height], [Math.round((10 * q) / 8), q]);
        result.data.forEach((value, i) =>
          assert.ok(Math.abs(value - [10, 100, 250][i % 3]!) <= 1, interpolation),
        );
      }
    }
  });

  it('doubles by repetition with "nearest"', async () => {
    const result = await resizeTo(grey([10, 20], [30, 40]), 4, 4, 'nearest');
    assert.deepEqual(column(result), [10, 10, 20, 20, 10, 10, 20, 20, 30, 30, 40, 40, 30, 30, 40, 40]);
  });

  it('filters before it shrinks: fine stripes become their mean', async () => {
    const stripes = grey(
      ...Array.from({ length: 32 }, () => Array.from({ length: 64 }, (_, x) => (x % 2) * 200)),
    );
    for (const interpolation of ['linear', 'cubic', 'lanczos3'] as const) {
      const { data } = await resizeSmallestSide(stripes, 8, interpolation);
      const middle = column({ width: 16, height: 8, data }).filter((_, i) => i % 16 > 1 && i % 16 < 14);
      middle.forEach((value) => assert.ok(Math.abs(value - 100) <= 2, `${interpolation}: ${value}`));
    }
  });

  it('uses the interpolation it is told to: six ways to shrink, six to enlarge', async () => {
    const step = grey(
      ...Array.from({ length: 16 }, (_, y) =>
        Array.from({ length: 16 }, (_, x) => ((x * x * 37 + y * 91) % 11) * 25),
      ),
    );
    const results = async (q: number): Promise<Set<string>> =>
      new Set(
        await Promise.all(
          interpolations.map(async (k) => column(await resizeSmallestSide(step, q, k)).join()),
        ),
      );
    assert.equal((await results(5)).size, 6);
    assert.equal((await results(23)).size, 6);
  });

  it('refuses a bad size, and an image that would grow out of bounds', async () => {
    const thin: RgbImage = { width: 1, height: 1000, data: new Uint8Array(3000) };
    for (const q of [0, -1, 2.5, NaN]) {
      await assert.rejects(resizeSmallestSide(thin, q, 'linear'), UsageError);
    }
    await assert.rejects(
      resizeSmallestSide(thin, 768, 'linear', 'thin.png'),
      (error) =>
        error instanceof ImageError &&
        error.message ===
          'Cannot use the image thin.png: 1 × 1000 pixels would become 768 × 768000 at smallest side 768.',
    );
  });
});
