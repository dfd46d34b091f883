import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Example, Loader, type Sample } from '../../../src/backbone/training/loader.js';
import { withFolder } from '../../support.js';
import { colourImages } from '../tf.js';

const options = { crop: 8, interpolation: 'cubic', workers: 2, prefetch: 2, cacheBytes: 1 << 20 } as const;
const input = { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
const place = { side: 9, x: 0.3, y: 0.7, flip: true, shift: [1, 2, 3] as [number, number, number] };

/** Images of two classes in a folder, and one that is none. */
const withExamples = (use: (examples: Example[]) => Promise<void>): Promise<void> =>
  withFolder(async (root) => {
    await colourImages(root, 5, { red: [200, 20, 20], blue: [20, 20, 200] });
    await writeFile(join(root, 'red', 'note.png'), 'not an image');
    const files = await Promise.all(
      ['red', 'blue'].map(async (name, label) =>
        (await readdir(join(root, name))).sort().map((file): Example => {
          const path = `${name}/${file}`;
          return { id: path, path, label, source: { file: join(root, path) } };
        }),
      ),
    );
    await use(files.flat());
  });

const present = (examples: readonly Example[]): Sample[] =>
  examples.map((example) => ({ example, draw: place }));

const collect = async (loader: Loader, lists: Sample[][], fixed = true) => {
  const batches = [];
  for await (const batch of loader.batches(lists, input, fixed)) batches.push(batch);
  return batches;
};

describe('loader', () => {
  it('gives batches in order, leaves out and lists what cannot be read, whatever the workers and the cache', () =>
    withExamples(async (examples) => {
      const lists = [examples.slice(0, 4), examples.slice(4, 9), examples.slice(9)].map(present);
      const runs = [];
      for (const variant of [{ workers: 1 }, { workers: 3 }, { cacheBytes: 0 }, { prefetch: 1 }]) {
        const loader = new Loader({ ...options, ...variant });
        try {
          const first = await collect(loader, lists);
          const second = await collect(loader, lists); // From memory where there is a cache.
          runs.push(first, second);
          assert.equal(loader.cachedBytes > 0, !('cacheBytes' in variant));
          assert.equal(loader.skipped.length, 1);
        } finally {
          await loader.close();
        }
      }
      for (const batches of runs) assert.deepEqual(batches, runs[0]);
      const [, batch] = runs[0]!;
      assert.deepEqual(
        runs[0]!.map(({ examples: { length } }) => length),
        [4, 4, 2],
      );
      assert.deepEqual(
        batch!.skipped.map(({ path, reason }) => [path, reason]),
        [['red/note.png', 'it holds text, not an image']],
      );
      assert.equal(batch!.pixels.length, 4 * 8 * 8 * 3);
      assert.ok(!batch!.examples.some(({ path }) => path === 'red/note.png'));
    }));

  it('turns images as their EXIF orientation says, where asked', () =>
    withFolder(async (root) => {
      // Left half black, right half white, to be shown turned by a quarter: white below black.
      const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) =>
        Math.floor(i / 3) % 16 < 8 ? 0 : 255,
      );
      const raw = { width: 16, height: 16, channels: 3 } as const;
      const file = join(root, 'a.png');
      await writeFile(file, await sharp(pixels, { raw }).withMetadata({ orientation: 6 }).png().toBuffer());
      const draw = { side: 16, x: 0, y: 0, flip: false, shift: [0, 0, 0] as [number, number, number] };
      const sample = { example: { id: 'a', path: 'a.png', label: 0, source: { file } }, draw };
      const corners = [];
      for (const orient of [false, true]) {
        const loader = new Loader({ ...options, crop: 16, orient });
        const [{ pixels: batch } = { pixels: new Float32Array() }] = await collect(loader, [[sample]]);
        await loader.close();
        corners.push([0, 15, 16 * 15].map((at) => batch[3 * at]));
      }
      assert.deepEqual(corners, [
        [0, 255, 0],
        [0, 0, 255],
      ]);
    }));

  it('keeps no image in memory beyond its limit, nor a decoded one much larger than its scale', () =>
    withExamples(async (examples) => {
      const small = new Loader({ ...options, cacheBytes: 1000 });
      const jittered = new Loader({ ...options, cacheBytes: 2000 });
      const large = new Loader(options);
      try {
        await collect(small, [present(examples)]);
        assert.ok(small.cachedBytes > 0 && small.cachedBytes <= 1000, `${small.cachedBytes}`);
        const atSide = (side: number) => examples.map((example) => ({ example, draw: { ...place, side } }));
        await collect(jittered, [atSide(20)], false);
        assert.ok(jittered.cachedBytes > 0 && jittered.cachedBytes <= 2000, `${jittered.cachedBytes}`);
        // The images have at least 12 x 12 pixels, 432 bytes: more than 4 for each pixel of 10 x 10.
        await collect(large, [atSide(10)], false);
        assert.equal(large.cachedBytes, 0);
      } finally {
        await Promise.all([small.close(), jittered.close(), large.close()]);
      }
    }));

  it('reads an image once where scales vary, and prepares the same crops from memory', () =>
    withExamples(async (examples) => {
      const epoch = (sides: readonly number[]) => [
        examples.map((example, i) => ({ example, draw: { ...place, side: sides[i % sides.length]! } })),
      ];
      const [kept, fresh] = [new Loader(options), new Loader({ ...options, cacheBytes: 0 })];
      try {
        const first = await collect(kept, epoch([20, 21, 22]), false);
        assert.deepEqual(await collect(fresh, epoch([20, 21, 22]), false), first);
        const second = await collect(fresh, epoch([12, 9, 15]), false);
        const digests = await fresh.digestsOf(examples);
        // Validation, at one scale, comes between epochs, of some of the same images here.
        const fixed = [present(examples.slice(0, 4))];
        assert.deepEqual(await collect(kept, fixed), await collect(fresh, fixed));
        for (const { source } of examples) await rm(source.file);
        assert.deepEqual(await collect(kept, epoch([12, 9, 15]), false), second);
        assert.deepEqual(await kept.digestsOf(examples), digests);
        assert.equal(fresh.cachedBytes, 0);
      } finally {
        await Promise.all([kept.close(), fresh.close()]);
      }
    }));

  it('prepares no more batches ahead than it is told to', () =>
    withExamples(async (examples) => {
      const loader = new Loader({ ...options, prefetch: 2 });
      try {
        let asked = 0;
        const lists = (function* () {
          for (let i = 0; i < 10; i++) {
            asked++;
            yield present(examples.slice(0, 2));
          }
        })();
        const batches = loader.batches(lists, input, false);
        await batches.next();
        assert.equal(asked, 3);
        await batches.next();
        assert.equal(asked, 4);
        await batches.return(undefined);
      } finally {
        await loader.close();
      }
    }));
});
