// The demo's rendering: the same bytes for the same seed, every pose another, a folder that is up to date left alone.
import assert from 'node:assert/strict';
import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { png, renderInto } from '../../../benchmarks/demo/render.js';
import { SIDE } from '../../../benchmarks/demo/scene.js';
import type { Placed } from '../../../benchmarks/demo/selection.js';
import { withFolder } from '../../support.js';

/** A made-up drawing: a red square that fills its box. */
const placed = (name: string): Placed => ({
  path: `pretrain/shapes/${name}/someone.png`,
  drawing: {
    concept: { code: name, name, slug: name, group: 'g', subgroup: 'shapes' },
    artist: 'someone',
    body: '<rect x="-10" y="5" width="20" height="20" fill="#f00"/>',
    viewBox: [-10, 5, 20, 20],
    mirrored: false,
  },
});

const redShare = async (image: Buffer): Promise<number> => {
  const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height, info.channels], [SIDE, SIDE, 3]);
  let red = 0;
  for (let i = 0; i < data.length; i += 3)
    red += Number(data[i] === 255 && data[i + 1] === 0 && data[i + 2] === 0);
  return red / (SIDE * SIDE);
};

describe('benchmarks/demo render', () => {
  it('gives the same bytes for the same seed and other poses for others', async () => {
    const image = await png(placed('a'), 1);
    assert.ok(image.equals(await png(placed('a'), 1)));
    assert.ok(!image.equals(await png(placed('a'), 2)));
    assert.ok(!image.equals(await png(placed('b'), 1)));
  });

  it('shows the whole drawing at half to nine tenths of the side', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const share = await redShare(await png(placed('a'), seed));
      assert.ok(share > 0.2 && share < 0.85, `seed ${seed}: ${share}`);
    }
  });

  it('renders a folder once, and again when its input changes', () =>
    withFolder(async (folder) => {
      const [root, images] = [join(folder, 'images'), [placed('a'), placed('b')]];
      const done: number[] = [];
      const render = (made: string): Promise<boolean> =>
        renderInto(root, images, 1, made, ({ done: n }) => done.push(n));
      assert.equal(await render('x'), true);
      assert.deepEqual(done, [1, 2]);
      const file = join(root, images[0]!.path);
      const first = await readFile(file);
      assert.ok(first.equals(await png(images[0]!, 1)));
      const { mtimeMs } = await stat(file);
      assert.equal(await render('x'), false);
      assert.equal((await stat(file)).mtimeMs, mtimeMs);
      await rm(file);
      assert.equal(await render('y'), true);
      assert.ok((await readFile(file)).equals(first));
      assert.deepEqual((await readdir(folder)).sort(), ['images', 'images.made-from']);
    }));
});
