import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPreprocess } from '../../../src/features/recipe/preprocess.js';
import { viewsOf } from '../../../src/features/recipe/views.js';
import { resolveRecipe } from '../../../src/features/recipe/recipe.js';
import { withFolder } from '../../support.js';

const read = (value: unknown, side?: number) =>
  withFolder(async (folder) => {
    const file = join(folder, 'preprocessor_config.json');
    await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value));
    return readPreprocess(file, side);
  });

const mean = [0.5, 0.5, 0.5];
const own = { image_mean: mean, image_std: mean, rescale_factor: 1 / 255 };

describe('features/recipe/preprocess', () => {
  it('reads the files of transformers: sizes, crops, codes of Pillow', async () => {
    const square = await read({ ...own, size: { height: 384, width: 384 }, resample: 2 });
    assert.deepEqual(
      [square.squash, square.crop, square.interpolation, square.mean],
      [{ width: 384, height: 384 }, undefined, 'linear', mean],
    );
    const old = await read({ size: 224, image_mean: mean, image_std: mean, resample: 3 });
    assert.deepEqual([old.squash, old.interpolation], [{ width: 224, height: 224 }, 'cubic']);
    const clip = await read({ ...own, size: 224, do_center_crop: true, crop_size: 224, resample: 3 });
    assert.deepEqual([clip.scale, clip.crop, clip.squash], [224, 224, undefined]);
    const dino = await read({
      ...own,
      size: { shortest_edge: 256 },
      do_center_crop: true,
      crop_size: { height: 224, width: 224 },
    });
    assert.deepEqual([dino.scale, dino.crop, dino.offset], [256, 224, 'floor']);
    const convnext = await read({ ...own, size: { shortest_edge: 224 }, crop_pct: 0.875, resample: 3 });
    assert.deepEqual([convnext.scale, convnext.crop], [256, 224]);
    const large = await read({ ...own, size: { shortest_edge: 384 }, crop_pct: 0.875 });
    assert.deepEqual([large.squash, large.crop], [{ width: 384, height: 384 }, undefined]);
    const raw = await read({ size: 64, do_rescale: false, do_normalize: false, do_flip_channel_order: true });
    assert.deepEqual([raw.factor, raw.mean, raw.std, raw.order], [1, [0, 0, 0], [1, 1, 1], 'bgr']);
  });

  it("reads timm's files and the presets, for the side of a fixed input", async () => {
    const file = { input_size: [3, 288, 288], crop_pct: 0.95, interpolation: 'bicubic', mean, std: mean };
    for (const value of [file, { architecture: 'resnet50', pretrained_cfg: file }]) {
      const timm = await read(value);
      assert.deepEqual([timm.scale, timm.crop, timm.interpolation, timm.offset], [303, 288, 'cubic', 'even']);
    }
    const torchvision = await readPreprocess('torchvision');
    assert.deepEqual([torchvision.scale, torchvision.crop, torchvision.interpolation], [256, 224, 'linear']);
    assert.equal((await readPreprocess('timm', 384)).scale, 438);
  });

  it('names the file and the field that it cannot follow', async () => {
    await assert.rejects(read('{'), /preprocessor_config\.json given for preprocess: it is no JSON/);
    await assert.rejects(
      readPreprocess('nothing.json'),
      /nothing\.json given for preprocess: there is no such file/,
    );
    await assert.rejects(read({ a: 1 }), /size, image_mean.*but received \["a"\]/);
    await assert.rejects(
      read({ ...own, size: 224, resample: 4 }),
      /bicubic or lanczos.*for resample of .* but received 4/,
    );
    await assert.rejects(
      read({ ...own, size: { longest_edge: 3 } }),
      /shortest_edge, or height and width for size/,
    );
    await assert.rejects(read({ ...own, size: 224, do_pad: true }), /false for do_pad/);
    await assert.rejects(read({ size: 224, image_mean: [1] }), /three numbers.*for image_mean/);
  });

  it('crops from the centre as torchvision or transformers round half a pixel', async () => {
    const data = Uint8Array.from({ length: 3 * 7 * 5 }, (_, i) => Math.floor(i / 3) % 7); // Columns by number.
    const first = async (offset: 'even' | 'floor'): Promise<number> => {
      const preprocess = { factor: 1, mean: [0, 0, 0], std: [1, 1, 1], order: 'rgb', offset } as const;
      const recipe = { ...resolveRecipe({ scales: [5], region: 'crops', flip: false }, 4), preprocess };
      const [view] = await viewsOf({ width: 7, height: 5, data }, 'x', undefined, recipe, 4);
      return view!.image.data[0]!;
    };
    // (7 - 4) / 2 is 1.5: Python rounds to 2, whole division gives 1.
    assert.deepEqual([await first('even'), await first('floor')], [2, 1]);
  });
});
