// Resizing against the libraries that published nets were trained with: their pictures lie in fixtures/resize.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import fc from 'fast-check';
import { enlarge, resample } from '../../src/images/enlarge.js';
import { loadImage } from '../../src/images/decode.js';
import type { RgbImage } from '../../src/images/image.js';
import { resamplingKernels } from '../../src/images/interpolation.js';
import { type Interpolation, interpolations } from '../../src/interpolation.js';
import { resizeSmallestSide, resizeTo } from '../../src/images/resize.js';
import { Random } from '../../src/random.js';
import { root } from '../support.js';

const fixtures = join(root, 'test', 'fixtures');
const picture = await loadImage({ file: join(fixtures, 'weights', 'images', '3.png') });

/** Mean and largest difference in grey values between our picture and that of a reference. */
const difference = async (
  reference: string,
  side: number,
  interpolation: Interpolation,
): Promise<[number, number]> => {
  const theirs = await loadImage({ file: join(fixtures, 'resize', `${reference}-${side}.png`) });
  const ours = await resizeSmallestSide(picture, side, interpolation);
  assert.deepEqual([ours.width, ours.height], [theirs.width, theirs.height]);
  const all = Array.from(ours.data, (value, i) => Math.abs(value - theirs.data[i]!));
  return [all.reduce((a, b) => a + b, 0) / all.length, Math.max(...all)];
};

describe('resizing as other libraries do', () => {
  it("enlarges bit for bit as Pillow's BILINEAR and BICUBIC", async () => {
    assert.deepEqual(await difference('pillow-bilinear', 150, 'linear'), [0, 0]);
    assert.deepEqual(await difference('pillow-bicubic', 150, 'cubic'), [0, 0]);
  });

  it("shrinks bit for bit as Pillow's BILINEAR and BICUBIC, for nets of others", async () => {
    for (const [reference, interpolation] of [
      ['pillow-bilinear', 'linear'],
      ['pillow-bicubic', 'cubic'],
    ] as const) {
      const theirs = await loadImage({ file: join(fixtures, 'resize', `${reference}-40.png`) });
      assert.deepEqual(
        resample(picture, theirs.width, theirs.height, interpolation).data,
        new Uint8Array(theirs.data),
      );
    }
  });

  // [reference, side, interpolation, mean difference, largest difference]: bounds a little above what was measured.
  const bounds: readonly [string, number, Interpolation, number, number][] = [
    ['torch-bilinear', 150, 'linear', 0.4, 1],
    ['opencv-linear', 150, 'linear', 0.4, 1],
    ['pillow-bilinear', 40, 'linear', 0.4, 3],
    ['torch-bilinear', 40, 'linear', 0.4, 3],
    ['pillow-bicubic', 40, 'cubic', 0.4, 3],
  ];
  for (const [reference, side, interpolation, mean, most] of bounds)
    it(`is within ${mean} grey values of ${reference} on average at ${side} pixels, with "${interpolation}"`, async () => {
      const [average, largest] = await difference(reference, side, interpolation);
      assert.ok(average <= mean && largest <= most, `mean ${average}, largest ${largest}`);
    });

  it('differs from a reference with another interpolation by far more', async () => {
    const [average] = await difference('pillow-bilinear', 40, 'lanczos3');
    assert.ok(average > 0.8, String(average));
  });
});

/** Random images with both sides to enlarge them to. */
const enlargements = fc
  .record({
    width: fc.integer({ min: 1, max: 9 }),
    height: fc.integer({ min: 1, max: 9 }),
    wider: fc.integer({ min: 0, max: 20 }),
    taller: fc.integer({ min: 0, max: 20 }),
    interpolation: fc.constantFrom(...interpolations),
  })
  .chain(({ width, height, wider, taller, interpolation }) =>
    fc.uint8Array({ minLength: 3 * width * height, maxLength: 3 * width * height }).map((data) => ({
      image: { width, height, data } satisfies RgbImage,
      width: width + wider,
      height: height + taller,
      interpolation,
    })),
  );

/** A line resampled in plain words: every output sums all inputs by the kernel's weights, in whole numbers of 1 / 2^22. */
const resampled = (line: readonly number[], outputs: number, interpolation: Interpolation): number[] => {
  if (outputs === line.length) return [...line];
  const { support, weight } = resamplingKernels[interpolation];
  return Array.from({ length: outputs }, (_, i) => {
    const centre = ((i + 0.5) * line.length) / outputs;
    const inside = (j: number): boolean =>
      j >= Math.floor(centre - support + 0.5) && j < Math.floor(centre + support + 0.5);
    const weights = line.map((_, j) => (inside(j) ? weight(j + 0.5 - centre) : 0));
    const sum = weights.reduce((a, b) => a + b, 0);
    const exact = weights.map((w) => {
      const scaled = (w / sum) * 2 ** 22;
      return BigInt(Math.trunc(scaled + Math.sign(scaled) / 2));
    });
    const total = exact.reduce((a, w, j) => a + w * BigInt(line[j]!), 2n ** 21n);
    return Math.min(255, Math.max(0, Number(total >> 22n)));
  });
};

/** Columns first, then rows, channel by channel. */
const enlargedPlainly = (
  image: RgbImage,
  width: number,
  height: number,
  interpolation: Interpolation,
): Uint8Array => {
  const result = new Uint8Array(3 * width * height);
  for (let c = 0; c < 3; c++) {
    const rows = Array.from({ length: image.height }, (_, y) =>
      resampled(
        Array.from({ length: image.width }, (_, x) => image.data[3 * (y * image.width + x) + c]!),
        width,
        interpolation,
      ),
    );
    for (let x = 0; x < width; x++)
      resampled(
        rows.map((row) => row[x]!),
        height,
        interpolation,
      ).forEach((value, y) => (result[3 * (y * width + x) + c] = value));
  }
  return result;
};

/** The image turned by 180 degrees. */
const turned = ({ width, height, data }: RgbImage): RgbImage => {
  const result = new Uint8Array(data.length);
  for (let i = 0; i < width * height; i++)
    result.set(data.subarray(3 * i, 3 * i + 3), 3 * (width * height - 1 - i));
  return { width, height, data: result };
};

describe('enlarge', () => {
  it('doubles a ramp by hand: a quarter and three quarters of the way, and the border repeated', () => {
    const ramp: RgbImage = { width: 3, height: 1, data: Uint8Array.of(0, 0, 0, 100, 40, 20, 200, 80, 40) };
    const { data } = enlarge(ramp, 6, 1, 'linear');
    assert.deepEqual(
      [...data].filter((_, i) => i % 3 === 0),
      [0, 25, 75, 125, 175, 200],
    );
    assert.deepEqual(
      [...data].filter((_, i) => i % 3 === 1),
      [0, 10, 30, 50, 70, 80],
    );
  });

  it('is the sum over all pixels by the weights of the interpolation, byte for byte, into room that holds other bytes', () => {
    fc.assert(
      fc.property(enlargements, ({ image, width, height, interpolation }) => {
        const room = (bytes: number) => new Uint8Array(bytes + 8).fill(99).subarray(0, bytes);
        const { data } = enlarge(image, width, height, interpolation, room);
        assert.deepEqual([...data], [...enlargedPlainly(image, width, height, interpolation)]);
        assert.ok(new Uint8Array(data.buffer, data.length).every((value) => value === 99));
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('does so where the result is made in several strips', () => {
    const random = new Random('strips', 1);
    const data = new Uint8Array(3 * 7 * 40).map(() => random.below(256));
    const image = { width: 7, height: 40, data };
    const { data: result } = enlarge(image, 3000, 47, 'lanczos3'); // 14 rows a strip
    assert.ok(Buffer.from(result).equals(enlargedPlainly(image, 3000, 47, 'lanczos3')));
  });

  it('keeps the centre: an image turned by 180 degrees gives the turned result', () => {
    fc.assert(
      fc.property(enlargements, ({ image, width, height, interpolation }) => {
        // At a tie "nearest" takes the left pixel of two, whichever way the image lies.
        fc.pre(interpolation !== 'nearest');
        const straight = enlarge(image, width, height, interpolation).data;
        const round = turned(enlarge(turned(image), width, height, interpolation)).data;
        straight.forEach((value, i) =>
          assert.ok(Math.abs(value - round[i]!) <= 1, `${interpolation} at ${i}`),
        );
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('keeps a plain image plain and the size as asked for', () => {
    fc.assert(
      fc.property(enlargements, ({ image, width, height, interpolation }) => {
        const plain = { ...image, data: new Uint8Array(image.data.length).fill(image.data[0]!) };
        const result = enlarge(plain, width, height, interpolation);
        assert.equal(result.data.length, 3 * width * height);
        assert.ok(result.data.every((value) => Math.abs(value - image.data[0]!) <= 1));
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it('shrinks one side and enlarges the other', async () => {
    const image: RgbImage = { width: 4, height: 2, data: new Uint8Array(24).map((_, i) => 10 * (i % 12)) };
    const { width, height, data } = await resizeTo(image, 2, 6, 'linear');
    assert.deepEqual([width, height, data.length], [2, 6, 36]);
  });
});
