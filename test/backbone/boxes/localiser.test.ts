// Where windows lie: a net that always says the same of its crop, by hand.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Localiser, trainedSide, wholePixels } from '../../../src/backbone/boxes/localiser.js';
import { architecture } from '../../../src/backbone/nets/architecture.js';
import { openBackbone, saveBackbone } from '../../../src/backbone/nets/backbone.js';
import { withFolder } from '../../support.js';
import { cpu } from '../tf.js';

const input = { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;

/** A net of boxes without weights: of class a the left half of its crop, of class b the lower right quarter. */
const constantNet = async (path: string) => {
  const net = architecture({
    ...{ config: 'A', width: 0.0625, blocks: 2, inputSize: 16, fullyConnected: 4, outputs: 8 },
  });
  const boxes = { regression: 'pcr', mean: [0.25, 0.5, 0.5, 1], std: [0.25, 0.25, 1, 0.5] } as const;
  await saveBackbone(
    path,
    { format: 1, architecture: net, input, classes: ['a', 'b'], boxes, training: { sides: [16, 16] } },
    (name, shape) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      if (name === 'fc8.bias') data.set([0, 0, 0, 0, 2, 1, 0, -1]);
      return data;
    },
  );
  return openBackbone(path);
};

describe('Localiser', () => {
  const image = { width: 64, height: 32, data: new Uint8Array(64 * 32 * 3) };

  it('places central crops, windows and their mirror images in the image as stored', () =>
    withFolder(async (root) => {
      const backbone = await constantNet(join(root, 'net.safetensors'));
      assert.equal(trainedSide(backbone), 16);
      const localiser = await Localiser.open(await cpu(), [backbone]);
      try {
        // Scaled to 32 x 16; the central crop is 8 to 24 of it, 16 to 48 of the image.
        const central = await localiser.central(image, 'image');
        assert.deepEqual(central(0), { x: 16, y: 0, width: 16, height: 32 });
        assert.deepEqual(central(1), { x: 32, y: 16, width: 16, height: 16 });
        const search = { scales: [[16]], flip: false, mergeThreshold: 2 };
        // Windows at 0, 4, 8, 12 and 16 of 32: left halves at 0, 8, 16, 24 and 32 of 64, whose mean is at 16.
        const plain = await localiser.search(image, 'image', search);
        assert.deepEqual(plain.boxOf(0), { x: 16, y: 0, width: 16, height: 32 });
        // The mirror image's left halves are right halves: from 16 to 48, with the others from 0 to 32.
        const both = await localiser.search(image, 'image', { ...search, flip: true });
        assert.deepEqual(both.boxOf(0), { x: 24, y: 0, width: 16, height: 32 });
        // Unmerged, all count the same: the first by its place.
        const apart = await localiser.search(image, 'image', { ...search, mergeThreshold: 0 });
        assert.deepEqual(apart.boxOf(0), { x: 0, y: 0, width: 16, height: 32 });
        // At Q = 24 there are three rows of windows of 16 / 24 of the height.
        const larger = await localiser.search(image, 'image', {
          ...search,
          scales: [[24]],
          mergeThreshold: 0,
        });
        assert.deepEqual(larger.boxOf(0), { x: 0, y: 0, width: 11, height: 21 });
      } finally {
        localiser.close();
      }
    }));

  it('whole pixels stay in the image, and are at least one', () => {
    assert.deepEqual(wholePixels({ x: -3.2, y: 1.6, width: 5, height: 99 }, image), {
      x: 0,
      y: 2,
      width: 2,
      height: 30,
    });
    assert.deepEqual(wholePixels({ x: 70, y: 10.2, width: 5, height: 0.1 }, image), {
      x: 63,
      y: 10,
      width: 1,
      height: 1,
    });
  });
});
