// Crops and mirrors, pixel by pixel on hand-made images.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UsageError } from '../../src/errors.js';
import { centreCrop, clipToImage, crop, flip, randomCrop } from '../../src/images/crop.js';
import type { RgbImage } from '../../src/images/image.js';
import { Random } from '../../src/random.js';

/** An image whose pixel at x, y is (x, y, 9). */
const grid = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from(
    Array.from({ length: width * height }, (_, i) => [i % width, Math.floor(i / width), 9]).flat(),
  ),
});

const at = ({ width, data }: RgbImage, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

describe('crop', () => {
  it('copies the rectangle', () => {
    const part = crop(grid(5, 4), { x: 2, y: 1, width: 2, height: 3 });
    assert.deepEqual([part.width, part.height], [2, 3]);
    assert.deepEqual([...part.data], [2, 1, 9, 3, 1, 9, 2, 2, 9, 3, 2, 9, 2, 3, 9, 3, 3, 9]);
  });

  it('refuses what is not inside, empty or broken', () => {
    const image = grid(5, 4);
    for (const [x, y, width, height] of [
      [-1, 0, 2, 2],
      [4, 0, 2, 2],
      [0, 3, 1, 2],
      [0, 0, 0, 1],
      [0.5, 0, 1, 1],
    ] as const) {
      assert.throws(() => crop(image, { x, y, width, height }), UsageError);
    }
  });

  it('takes the centre', () => {
    assert.deepEqual(at(centreCrop(grid(7, 4), 2), 0, 0), [2, 1, 9]);
  });
});

describe('clipToImage', () => {
  it('cuts a box at the border and reports one that lies outside', () => {
    const image = { width: 10, height: 8 };
    assert.deepEqual(clipToImage({ x: -2, y: 6, width: 5, height: 5 }, image), {
      x: 0,
      y: 6,
      width: 3,
      height: 2,
    });
    assert.deepEqual(clipToImage({ x: 1.5, y: 1.5, width: 2, height: 2 }, image), {
      x: 1,
      y: 1,
      width: 3,
      height: 3,
    });
    assert.equal(clipToImage({ x: 10, y: 0, width: 3, height: 3 }, image), undefined);
  });
});

describe('flip', () => {
  it('mirrors left and right', () => {
    assert.deepEqual([...flip(grid(3, 1)).data], [2, 0, 9, 1, 0, 9, 0, 0, 9]);
  });

  it('is its own inverse and moves each pixel to its mirror place', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (width, height) => {
        const image = grid(width, height);
        const mirrored = flip(image);
        assert.deepEqual(flip(mirrored), image);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) assert.deepEqual(at(mirrored, x, y), [width - 1 - x, y, 9]);
        }
      }),
    );
  });
});

describe('randomCrop', () => {
  it('reaches every place equally often, and repeats with the seed', () => {
    const image = grid(6, 5);
    const counts = new Map<string, number>();
    const random = new Random(1, 'crop');
    const draws = 12_000;
    for (let i = 0; i < draws; i++) {
      const place = at(randomCrop(image, 3, random), 0, 0).join();
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    assert.equal(counts.size, 4 * 3);
    // 1000 expected each; standard deviation about 30
    for (const [place, count] of counts) assert.ok(Math.abs(count - 1000) < 150, `${place}: ${count}`);
    assert.deepEqual(randomCrop(image, 3, new Random(7)), randomCrop(image, 3, new Random(7)));
  });

  it('refuses an image smaller than the crop', () => {
    assert.throws(() => randomCrop(grid(6, 5), 6, new Random(1)), UsageError);
  });
});
