// Boxes as a net's numbers: moved along with scale, crop and mirror, standardised and back; the loss by hand.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clippedTo, largestOf } from '../../../src/backbone/boxes/located.js';
import {
  type BoxNumbers,
  fromCrop,
  momentsOf,
  relativeTo,
  restored,
  standardised,
} from '../../../src/backbone/nets/box-parameters.js';
import { type Draw, cropInto } from '../../../src/backbone/training/augmentation.js';
import { boxInCrop, placeOf } from '../../../src/backbone/training/box-targets.js';
import { boxLoss, objectiveOf } from '../../../src/backbone/training/objective.js';
import { resizeTo } from '../../../src/images/resize.js';

const near = (actual: readonly number[], wanted: readonly number[], within = 1e-9): void =>
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(actual[i]! - value) <= within, `${String(actual)} is not ${String(wanted)}`),
  );

const numbers = ({ x, y, width, height }: { x: number; y: number; width: number; height: number }) => [
  ...[x, y, width, height],
];

describe('boxes of crops', () => {
  it('by hand: centre and size in units of the crop, mirrored about its middle', () => {
    const place = { left: 10, top: 4, side: 20, flip: false, scaleX: 2, scaleY: 2 };
    const box = { x: 8, y: 3, width: 4, height: 6 }; // 16 to 24 and 6 to 18 once scaled
    near(relativeTo(box, place), [0.5, 0.4, 0.4, 0.6]);
    near(relativeTo({ ...box, x: 10 }, { ...place, flip: true }), [0.3, 0.4, 0.4, 0.6]);
  });

  const draws = fc.record({
    side: fc.integer({ min: 16, max: 40 }),
    x: fc.double({ min: 0, max: 0.999, noNaN: true }),
    y: fc.double({ min: 0, max: 0.999, noNaN: true }),
    flip: fc.boolean(),
    shift: fc.constant<[number, number, number]>([0, 0, 0]),
  });

  it('come back from the numbers of any crop', () => {
    fc.assert(
      fc.property(
        draws,
        fc.integer({ min: 20, max: 60 }),
        fc.integer({ min: 20, max: 60 }),
        (drawn, w, h) => {
          const place = placeOf({ width: w, height: h }, drawn, 16);
          const box = { x: 2, y: 3, width: 7, height: 9 };
          near(numbers(fromCrop(relativeTo(box, place), place)), numbers(box), 1e-6);
        },
      ),
    );
  });

  it('drawn onto the pixels of the crop cover what they covered in the image, scaled, cropped and mirrored', async () => {
    // Doubling keeps edges where they are, so that the coloured pixels tell the box.
    const [width, height] = [24, 20];
    const box = { x: 7, y: 5, width: 9, height: 8 };
    const data = new Uint8Array(width * height * 3);
    for (let y = 5; y < 13; y++) for (let x = 7; x < 16; x++) data[(y * width + x) * 3] = 255;
    const image = { width, height, data };
    const input = { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
    for (const side of [20, 40]) {
      const factor = side / 20;
      const scaled = await resizeTo(image, width * factor, height * factor, 'nearest');
      for (const flip of [false, true]) {
        for (const [x, y] of [
          [0, 0],
          [0.5, 0.3],
          [0.99, 0.99],
        ] as const) {
          const drawn: Draw = { side, x, y, flip, shift: [0, 0, 0] };
          const crop = 18 * factor;
          const pixels = new Float32Array(crop * crop * 3);
          cropInto(pixels, 0, scaled, crop, drawn, input);
          const [cx, cy, w, h] = boxInCrop({ box, size: { width, height } }, drawn, crop).map(
            (value) => value * crop,
          ) as unknown as BoxNumbers;
          for (let row = 0; row < crop; row++) {
            for (let column = 0; column < crop; column++) {
              const inBox = Math.abs(column + 0.5 - cx) < w / 2 && Math.abs(row + 0.5 - cy) < h / 2;
              assert.equal(pixels[(row * crop + column) * 3]! > 127, inBox, `${row} ${column}`);
            }
          }
        }
      }
    }
  });

  it('are standardised to mean 0 and deviation 1, and restored; what never changes keeps its unit', () => {
    const all: BoxNumbers[] = [
      [0.2, 0.5, 0.1, 0.3],
      [0.6, 0.5, 0.3, 0.7],
    ];
    const moments = momentsOf(all);
    near(moments.mean, [0.4, 0.5, 0.2, 0.5]);
    near(moments.std, [0.2, 1, 0.1, 0.2]);
    const boxes = { regression: 'scr', ...moments } as const;
    near(standardised(all[1]!, boxes), [1, 0, 1, 1]);
    near(restored(standardised(all[1]!, boxes), boxes), all[1]!);
  });

  it('are clipped to the image; the largest of several is learnt', () => {
    const image = { width: 10, height: 8 };
    assert.deepEqual(clippedTo({ x: -2, y: 3, width: 5, height: 9 }, image), {
      x: 0,
      y: 3,
      width: 3,
      height: 5,
    });
    assert.equal(clippedTo({ x: 10, y: 0, width: 5, height: 5 }, image), undefined);
    const [small, large] = [
      { x: 0, y: 0, width: 2, height: 3 },
      { x: 4, y: 1, width: 3, height: 3 },
    ];
    assert.equal(largestOf([small, large]), large);
  });
});

describe('the loss of boxes', () => {
  const box: BoxNumbers = [1, 0, -1, 2];

  it('by hand: half the squared distance for the class of the image, the others untouched', () => {
    const outputs = Float32Array.of(9, 9, 9, 9, 2, 0, 1, 2);
    const { loss, gradient } = boxLoss(outputs, [{ label: 1, box }], 8, 'pcr', 2);
    assert.equal(loss, (1 + 4) / 2 / 2);
    assert.deepEqual([...gradient], [0, 0, 0, 0, 0.5, 0, 1, 0]);
    const single = boxLoss(Float32Array.of(2, 0, 1, 2), [{ label: 1, box }], 4, 'scr', 1);
    assert.equal(single.loss, 2.5);
    assert.deepEqual([...single.gradient], [1, 0, 2, 0]);
  });

  it('counts boxes that overlap by half, and sums the overlaps', () => {
    const boxes = { regression: 'scr', mean: [0.5, 0.5, 0.4, 0.4], std: [0.1, 0.1, 0.1, 0.1] } as const;
    const { counts } = objectiveOf({ classes: 3, superclasses: 0, superclassLoss: 0, boxes });
    const wanted = { label: 2, box: [0, 0, 0, 0] as const };
    // The second box is moved by half its width: a third of the union is shared.
    const found = counts(Float32Array.of(0, 0, 0, 0, 2, 0, 0, 0), [wanted, wanted]);
    assert.equal(found['right'], 1);
    assert.ok(Math.abs(found['iou']! - (1 + 1 / 3)) < 1e-6);
  });
});
