// Images as they lie about in real folders: odd ones are handled, bad ones skipped with their reason; no run ends on them.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { readFolder } from '../../../src/datasets/folder.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { rowOf } from '../../../src/matrix.js';
import { withFolder } from '../../support.js';
import { randomBackbone } from '../nets.js';

const plain = (width: number, height: number, channels: 3 | 4 = 3) =>
  sharp({ create: { width, height, channels, background: { r: 200, g: 90, b: 30, alpha: 1 } } });

/** A PNG that declares a size, and has no pixels. */
const declaredPng = (width: number, height: number): Buffer => {
  const chunk = (name: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', Buffer.alloc(0)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};

const handled = async (): Promise<Record<string, Buffer>> => ({
  'one.png': await plain(1, 1).png().toBuffer(),
  'line.png': await plain(1, 40).png().toBuffer(),
  'animated.gif': await plain(24, 24).gif().toBuffer(),
  'cmyk.jpg': await plain(24, 30).toColourspace('cmyk').jpeg().toBuffer(),
  'deep.png': await plain(24, 30).toColourspace('rgb16').png().toBuffer(),
  'rotated.jpg': await plain(24, 30).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
  'mislabelled.jpg': await plain(24, 30).png().toBuffer(),
  'two\nlines.png': await plain(24, 30).png().toBuffer(),
});

describe('bad images in an extraction', () => {
  it('are handled or skipped with a reason, one by one, and the others have their descriptors', () =>
    withFolder(async (folder) => {
      const images = join(folder, 'images');
      await mkdir(join(images, 'a'), { recursive: true });
      const good = await handled();
      for (const [name, bytes] of Object.entries(good)) await writeFile(join(images, 'a', name), bytes);
      const jpeg = await plain(64, 64).jpeg().toBuffer();
      const bad: Record<string, [bytes: Buffer, reason: string]> = {
        'bomb.png': [declaredPng(20_000, 20_000), 'it has more than 100000000 pixels'],
        'cut.jpg': [jpeg.subarray(0, jpeg.length - 40), 'the image data is cut short or damaged'],
        'empty.jpg': [Buffer.alloc(0), 'the file is empty'],
        'text.png': [Buffer.from('no picture'), 'it holds text, not an image'],
      };
      for (const [name, [bytes]] of Object.entries(bad)) await writeFile(join(images, 'a', name), bytes);
      // Bytes that are no UTF-8: Node cannot say the name back to the system.
      const path = Buffer.concat([
        Buffer.from(join(images, 'a') + '/latin-'),
        Buffer.from([0xe9]),
        Buffer.from('.png'),
      ]);
      await writeFile(path, await plain(24, 30).png().toBuffer());

      const net = join(folder, 'net.safetensors');
      await randomBackbone(net);
      const { splits, strays } = await readFolder(images);
      const items = splits['all']!;
      const { store } = await extractFeatures(items, [net], { scales: [32] }, { out: join(folder, 'out') });
      assert.deepEqual(
        store.paths,
        Object.keys(good)
          .sort()
          .map((name) => `a/${name}`),
      );
      assert.deepEqual(
        Object.fromEntries(store.skipped.map(({ path, reason }) => [path, reason])),
        Object.fromEntries(Object.entries(bad).map(([name, [, reason]]) => [`a/${name}`, reason])),
      );
      assert.deepEqual(strays, [{ path: 'a/latin-\ufffd.png', reason: 'its name is not UTF-8: rename it' }]);
      for await (const { matrix } of store.batches('fc7'))
        for (let row = 0; row < matrix.rows; row++)
          assert.ok(Math.abs(Math.hypot(...rowOf(matrix, row)) - 1) < 1e-5);
    }));
});
