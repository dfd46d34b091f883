// Raw pixels as descriptors: a store that every command reads, rows of length 1 in the order of the items.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { pixelsOf, writePixels } from '../../../benchmarks/demo/pixels.js';
import { readFolder } from '../../../src/datasets/folder.js';
import { openFeatures } from '../../../src/features/store/reader.js';
import { rowOf } from '../../../src/matrix.js';
import { withFolder } from '../../support.js';

describe('benchmarks/demo pixels', () => {
  it('centres on grey and has length 1', () => {
    const descriptor = pixelsOf(Uint8Array.of(255, 0, 255));
    const third = Math.sqrt(1 / 3);
    [third, -third, third].forEach((value, i) => assert.ok(Math.abs(descriptor[i]! - value) < 1e-6));
  });

  it('writes a feature store of the images', () =>
    withFolder(async (folder) => {
      const colours = ['#ff0000', '#00ff00', '#0000ff'];
      for (const [i, background] of colours.entries()) {
        await mkdir(join(folder, 'images', `class-${i}`), { recursive: true });
        const image = sharp({ create: { width: 8, height: 8, channels: 3, background } });
        await image.png().toFile(join(folder, 'images', `class-${i}`, 'a.png'));
      }
      const items = (await readFolder(join(folder, 'images'))).splits['all']!;
      await writePixels(items, 4, join(folder, 'pixels'));
      const store = await openFeatures([join(folder, 'pixels')]);
      assert.deepEqual(store.layers, ['pixels']);
      assert.deepEqual(
        store.ids,
        items.map(({ id }) => id),
      );
      assert.deepEqual(
        store.labels,
        items.map(({ labels }) => labels),
      );
      const matrix = await store.read('pixels');
      assert.equal(matrix.columns, 4 * 4 * 3);
      for (const row of [0, 1, 2]) {
        const descriptor = rowOf(matrix, row);
        assert.ok(Math.abs(Math.hypot(...descriptor) - 1) < 1e-6);
        for (let c = 0; c < 3; c++) assert.equal(descriptor[c]! > 0, c === row);
      }
    }));
});
