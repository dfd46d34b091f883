// The pixels that nets see: sizes at each scale, boxes, crops, and shapes that are refused.
import assert from 'node:assert/strict';
import { resolveRecipe } from '../../../src/features/recipe/recipe.js';
import { MAX_VIEW_PIXELS, gridPositions, viewsOf } from '../../../src/features/recipe/views.js';
import { ImageError } from '../../../src/images/image.js';

const plain = (width: number, height: number, mark?: { x: number; y: number }) => {
  const data = new Uint8Array(width * height * 3).fill(10);
  if (mark) data.fill(250, (mark.y * width + mark.x) * 3, (mark.y * width + mark.x) * 3 + 3);
  return { width, height, data };
};

describe('features/views', () => {
  it('resizes to every scale, in order', async () => {
    const recipe = resolveRecipe({ scales: [40, 32] }, 32);
    const views = await viewsOf(plain(60, 50), 'a', undefined, recipe, 32);
    assert.deepEqual(
      views.map(({ region, scale, image }) => [region, scale, image.width, image.height, image.data.length]),
      [
        [0, 0, 38, 32, 38 * 32 * 3],
        [0, 1, 48, 40, 48 * 40 * 3],
      ],
    );
  });

  it('takes the box, clipped to the image, beside the image', async () => {
    const recipe = resolveRecipe({ region: 'image+box', scales: [32] }, 32);
    const views = await viewsOf(plain(100, 50), 'a', { x: 90, y: 10, width: 20, height: 20 }, recipe, 32);
    assert.deepEqual(
      views.map(({ region, image }) => [region, image.width, image.height]),
      [
        [0, 64, 32],
        [1, 32, 64],
      ],
    );
  });

  it('spreads crops over the image: the corners are in, one crop is the centre', async () => {
    assert.deepEqual(gridPositions(10, 4, 3), [0, 3, 6]);
    assert.deepEqual(gridPositions(9, 4, 1), [2]);
    const recipe = resolveRecipe({ region: 'crops', crops: 2, scales: [32] }, 32);
    const views = await viewsOf(plain(40, 32, { x: 39, y: 31 }), 'a', undefined, recipe, 32);
    assert.equal(views.length, 4);
    assert.deepEqual(
      views.map(({ image }) => image.data.includes(250)),
      [false, true, false, true],
      'both rows of crops coincide in height: the mark is in the right ones',
    );
  });

  it('says why an image has no descriptor', async () => {
    const reason = (promise: Promise<unknown>, pattern: RegExp) =>
      assert.rejects(promise, (error: Error) => error instanceof ImageError && pattern.test(error.reason));
    const boxes = resolveRecipe({ region: 'box', scales: [32] }, 32);
    await reason(viewsOf(plain(9, 9), 'a', undefined, boxes, 32), /no box/);
    await reason(
      viewsOf(plain(9, 9), 'a', { x: 20, y: 0, width: 5, height: 5 }, boxes, 32),
      /box lies outside/,
    );
    const thin = resolveRecipe({ scales: [256] }, 224);
    await reason(
      viewsOf(plain(1, 500), 'a', undefined, thin, 224),
      /shape is too extreme: 1 × 500 .* 256 × 128000/,
    );
    const [single] = await viewsOf(plain(1, 1), 'a', undefined, thin, 224);
    assert.deepEqual([single!.image.width, single!.image.height], [256, 256]);
    assert.ok(MAX_VIEW_PIXELS > 768 * 1024 * 4);
  });
});
