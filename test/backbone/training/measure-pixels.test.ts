import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { cachedColours, measuredStatistics } from '../../../src/backbone/training/kept-colours.js';
import {
  type MeasureOptions,
  type MeasuredImage,
  measurePixels,
} from '../../../src/backbone/training/measure-pixels.js';
import { VerydeepError } from '../../../src/errors.js';
import { withFolder } from '../../support.js';
import { colourImages } from '../tf.js';

const options = { trainSide: [9, 9], interpolation: 'cubic', workers: 2 } as const;

/** Images of two colours, and a file that is none. */
const withImages = (use: (images: MeasuredImage[], root: string) => Promise<void>): Promise<void> =>
  withFolder(async (root) => {
    await colourImages(root, 20, { red: [200, 20, 20], blue: [20, 20, 200] });
    await writeFile(join(root, 'red', 'note.png'), 'not an image');
    const files = await readdir(root, { recursive: true });
    const paths = files.filter((file) => file.endsWith('.png')).sort();
    await use(
      paths.map((path) => ({ id: path, path, source: { file: join(root, path) } })),
      root,
    );
  });

describe('colours of a training set', () => {
  it('are those of the pixels that sharp gives, whatever the threads', () =>
    withImages(async (images) => {
      const { statistics, skipped } = await measurePixels(images, options);
      assert.deepEqual(skipped, [
        { id: 'red/note.png', path: 'red/note.png', reason: 'it holds text, not an image' },
      ]);
      assert.equal(statistics.images, 40);
      const sums = [0, 0, 0];
      let pixels = 0;
      for (const { source, path } of images) {
        if (path.endsWith('note.png')) continue;
        const image = sharp(source.file).removeAlpha().toColourspace('srgb');
        const { width, height } = await image.metadata();
        const scale = 9 / Math.min(width, height);
        const data = await image
          .resize(Math.round(width * scale), Math.round(height * scale), {
            kernel: 'cubic',
            fit: 'fill',
          })
          .raw()
          .toBuffer();
        data.forEach((value, i) => (sums[i % 3]! += value));
        pixels += data.length / 3;
      }
      assert.equal(statistics.pixels, pixels);
      assert.deepEqual(
        statistics.mean,
        sums.map((sum) => sum / pixels),
      );
      for (const other of [
        { ...options, workers: 3 },
        { ...options, trainSide: [8, 10] as const },
      ])
        assert.deepEqual((await measurePixels(images, other)).statistics, statistics);
    }));

  it('are measured once and kept beside the run', () =>
    withImages(async (images, out) => {
      const statistics = await measuredStatistics(images, out, options);
      assert.deepEqual(JSON.parse(await readFile(join(out, 'statistics.json'), 'utf8')), statistics);
      assert.deepEqual(await measuredStatistics([], out, options), statistics);
    }));

  it('are kept in the cache by a hash of the images: wherever they lie, until one of them or how they are measured changes', () =>
    withImages(async (images, root) => {
      const cache = join(root, 'cache');
      let measured = 0;
      const colours = (of: readonly MeasuredImage[], how: MeasureOptions = options) =>
        cachedColours(
          of,
          how,
          async () => {
            measured++;
            return (await measurePixels(of, how)).statistics;
          },
          cache,
        );
      const first = await colours(images);
      assert.deepEqual(await colours(images), first);
      assert.equal(measured, 1);
      assert.notDeepEqual(await colours(images.slice(1)), first);
      await colours(images, { ...options, interpolation: 'nearest' });
      await colours(images, { ...options, trainSide: [10, 10] });
      await colours(images, { ...options, orient: true });
      assert.equal(measured, 5);
      const { file } = images[0]!.source;
      const { atime, mtime } = await stat(file);
      await utimes(file, atime, new Date(mtime.getTime() + 1000));
      await colours(images);
      assert.equal(measured, 6);

      for (const name of await readdir(cache)) await writeFile(join(cache, name), '{"mean": [1]}');
      assert.deepEqual(await colours(images), first);
      assert.equal(measured, 7, 'a damaged entry is measured again');

      await mkdir(join(root, 'moved'));
      for (const name of ['red', 'blue']) await rename(join(root, name), join(root, 'moved', name));
      const there = images.map((image) => ({ ...image, source: { file: join(root, 'moved', image.path) } }));
      assert.deepEqual(await colours(there), first);
      assert.equal(measured, 7);
    }));

  it('cannot be measured where no image can be read', () =>
    withImages(async (images) => {
      const bad = images.filter(({ path }) => path.endsWith('note.png'));
      await assert.rejects(
        measurePixels(bad, options),
        (error) => error instanceof VerydeepError && /None of the training images/.test(error.message),
      );
    }));

  it('are given up at once when asked to', () =>
    withImages(async (images) => {
      const controller = new AbortController();
      const reason = new Error('enough');
      await assert.rejects(
        measurePixels(images, {
          ...options,
          signal: controller.signal,
          onProgress: () => controller.abort(reason),
        }),
        reason,
      );
    }));
});
