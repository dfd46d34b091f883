import assert from 'node:assert/strict';
import {
  type Augmentation,
  type Draw,
  centred,
  checkSides,
  cropInto,
  draw,
} from '../../../src/backbone/training/augmentation.js';
import { Random } from '../../../src/random.js';

const plain = { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
const still: Draw = { side: 8, x: 0, y: 0, flip: false, shift: [0, 0, 0] };
const axes = [
  [0.6, 0.8, 0],
  [-0.8, 0.6, 0],
  [0, 0, 1],
];
const full: Augmentation = {
  crop: 224,
  trainSide: [256, 512],
  flip: true,
  colourShift: 0.1,
  colourAxes: { spread: [55, 5, 1], axes },
};

const count = 20_000;
const drawn = (augmentation: Augmentation): Draw[] =>
  Array.from({ length: count }, (_, i) => draw(augmentation, new Random(1, 'augment', 0, `image ${i}`)));

/** Pearson's statistic against a uniform distribution over `bins`. */
const chiSquared = (values: readonly number[], bins: number): number => {
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[value]!++;
  const each = values.length / bins;
  return counts.reduce((sum, n) => sum + (n - each) ** 2 / each, 0);
};

/** Three standard deviations above the mean of chi squared. */
const limit = (bins: number): number => bins - 1 + 3 * Math.sqrt(2 * (bins - 1));

describe('augmentation', () => {
  const draws = drawn(full);

  it('jitters S uniformly over the whole range, both ends included', () => {
    assert.ok(
      chiSquared(
        draws.map(({ side }) => side - 256),
        257,
      ) < limit(257),
    );
    assert.equal(Math.min(...draws.map(({ side }) => side)), 256);
    assert.equal(Math.max(...draws.map(({ side }) => side)), 512);
  });

  it('places crops uniformly and independently of each other in both directions', () => {
    const places = draws.map(({ x, y }) => Math.floor(x * 33) + 33 * Math.floor(y * 33)); // 256 - 224 + 1 places
    assert.ok(chiSquared(places, 33 * 33) < limit(33 * 33));
  });

  it('mirrors half of the images', () => {
    const share = draws.filter(({ flip }) => flip).length / count;
    assert.ok(Math.abs(share - 0.5) < 3 * Math.sqrt(0.25 / count), `${share}`);
    assert.ok(drawn({ ...full, flip: false }).every(({ flip }) => !flip));
  });

  it('shifts colours along the axes with a tenth of their spread, and keeps the axes independent', () => {
    const along = axes.map((axis) =>
      draws.map(({ shift }) => shift.reduce((sum, value, c) => sum + value * axis[c]!, 0)),
    );
    [5.5, 0.5, 0.1].forEach((std, axis) => {
      const values = along[axis]!;
      const mean = values.reduce((a, b) => a + b, 0) / count;
      const measured = Math.sqrt(values.reduce((a, b) => a + b * b, 0) / count);
      assert.ok(Math.abs(mean) < (3.5 * std) / Math.sqrt(count), `mean ${mean} along axis ${axis}`);
      assert.ok(
        Math.abs(measured / std - 1) < 3.5 / Math.sqrt(2 * count),
        `std ${measured} along axis ${axis}`,
      );
    });
    const correlation = along[0]!.reduce((sum, a, i) => sum + a * along[1]![i]!, 0) / count / (5.5 * 0.5);
    assert.ok(Math.abs(correlation) < 3.5 / Math.sqrt(count));
  });

  it('draws the same for the same image and epoch, and the same crops whether colours shift or not', () => {
    assert.deepEqual(drawn(full), draws);
    const without = drawn({ ...full, colourShift: 0 });
    assert.deepEqual(
      without.map(({ x, y, side, flip }) => [x, y, side, flip]),
      draws.map(({ x, y, side, flip }) => [x, y, side, flip]),
    );
    assert.ok(without.every(({ shift }) => shift.every((value) => value === 0)));
  });

  it('takes the middle for validation', () => {
    assert.deepEqual(centred(full), { side: 384, x: 0.5, y: 0.5, flip: false, shift: [0, 0, 0] });
  });

  it('refuses scales below the crop and reversed ranges', () => {
    assert.throws(
      () => checkSides([200, 256], 224),
      /at least the input size 224 for trainSide but received "200-256"/,
    );
    assert.throws(() => checkSides([512, 256], 224), /trainSide/);
    assert.doesNotThrow(() => checkSides([224, 224], 224));
  });
});

describe('cropInto', () => {
  // Pixel (x, y) has red 10 x, green 10 y, blue 7.
  const image = {
    width: 9,
    height: 6,
    data: Uint8Array.from({ length: 9 * 6 * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return [10 * (pixel % 9), 10 * Math.floor(pixel / 9), 7][i % 3]!;
    }),
  };
  const cropped = (part: Partial<Draw>, input: Parameters<typeof cropInto>[5] = plain): number[] => {
    const target = new Float32Array(2 + 4 * 4 * 3).fill(-1);
    cropInto(target, 2, image, 4, { ...still, ...part }, input);
    assert.deepEqual([...target.subarray(0, 2)], [-1, -1], 'nothing before the offset');
    return [...target.subarray(2)];
  };

  it('covers the first and the last place', () => {
    assert.deepEqual(cropped({}).slice(0, 6), [0, 0, 7, 10, 0, 7]);
    assert.deepEqual(cropped({ x: 0.9999, y: 0.9999 }).slice(-3), [80, 50, 7]);
    assert.deepEqual(cropped({ x: 0.5, y: 0.5 }).slice(0, 3), [30, 10, 7]);
  });

  it('mirrors the crop, not the place', () => {
    const rows = (values: number[]) => values.filter((_, i) => i % 3 === 0).slice(0, 4);
    assert.deepEqual(rows(cropped({ x: 0.2 })), [10, 20, 30, 40]);
    assert.deepEqual(rows(cropped({ x: 0.2, flip: true })), [40, 30, 20, 10]);
  });

  it('shifts in pixel units, then normalises channel by channel', () => {
    const input = { order: 'rgb', scale: 1 / 255, mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] } as const;
    const [r, g, b] = cropped({ x: 0.9999, y: 0.9999, shift: [5, -10, 3] }, input).slice(-3);
    assert.ok(Math.abs(r! - (85 / 255 - 0.1) / 0.5) < 1e-6);
    assert.ok(Math.abs(g! - (40 / 255 - 0.2) / 0.25) < 1e-6);
    assert.ok(Math.abs(b! - (10 / 255 - 0.3) / 2) < 1e-6);
  });

  it('gives blue first to nets that were trained so, with means in that order', () => {
    const input = { order: 'bgr', scale: 1, mean: [1, 2, 3], std: [1, 1, 1] } as const;
    assert.deepEqual(cropped({ x: 0.9999, y: 0.9999, shift: [100, 0, 0] }, input).slice(-3), [6, 48, 177]);
  });
});
