// Extraction as a whole: the same bytes however it is run, stopped and resumed; skipped images remembered.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InterruptedError, UsageError, render } from '../../../src/errors.js';
import { type ExtractOptions, extractFeatures } from '../../../src/features/pipeline/extract.js';
import { openFeatures } from '../../../src/features/store/reader.js';
import type { RecipeChoice } from '../../../src/features/recipe/recipe.js';
import { rowOf } from '../../../src/matrix.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../nets.js';

const recipe: RecipeChoice = { scales: [32, 45] };

/** Names and bytes of the parts in a folder. */
const partsIn = async (folder: string): Promise<Record<string, Buffer>> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.arrow')).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  );
};

describe('features/extract', () => {
  /** 150 images (three parts), of which some are bad, and a net. */
  const withData = (
    use: (folder: string, net: string, items: Awaited<ReturnType<typeof pictures>>) => Promise<void>,
  ) =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 146);
      const bad: Record<string, Buffer | string> = {
        'text.jpg': 'this is no image at all, but a text',
        'empty.png': '',
        'cut.png': (await readFile(items[0]!.source.file)).subarray(0, 120),
      };
      for (const [name, bytes] of Object.entries(bad)) {
        const file = join(folder, 'images', name);
        await writeFile(file, bytes);
        items.push({ id: name, path: name, source: { file }, labels: ['bad'] });
      }
      items.push({
        id: 'gone.png',
        path: 'gone.png',
        source: { file: join(folder, 'gone.png') },
        labels: [],
      });
      const net = join(folder, 'net.safetensors');
      await randomBackbone(net);
      await use(folder, net, items);
    });

  it('gives the same bytes with one and several workers and threads, stopped and resumed, and in shards', () =>
    withData(async (folder, net, items) => {
      const extract = (out: string, options: Partial<ExtractOptions> = {}) =>
        extractFeatures(items, [net], recipe, { out: join(folder, out), threads: 1, ...options });
      const { store, skipped, run } = await extract('once');
      const once = await partsIn(join(folder, 'once'));
      assert.equal(Object.keys(once).length, 3);
      assert.equal(store.rows, 146);
      assert.deepEqual(
        skipped.map(({ path, reason }) => `${path}: ${reason}`),
        [
          'cut.png: the image data is cut short or damaged',
          'empty.png: the file is empty',
          'gone.png: there is no such file',
          'text.jpg: it holds text, not an image',
        ],
      );
      assert.match(
        await readFile(join(folder, 'once', 'skipped.csv'), 'utf8'),
        /^id,path,reason\ncut\.png,cut\.png,/,
      );
      assert.deepEqual([run.images, run.computed, run.skipped], [150, 146, 4]);

      await extract('workers', { threads: 3, workers: 3 });
      assert.deepEqual(await partsIn(join(folder, 'workers')), once);
      await extract('threads', { threads: 2, workers: 1 });
      assert.deepEqual(await partsIn(join(folder, 'threads')), once);

      // Stopped in the middle, the interrupted part's rows are kept; the rest is done when it resumes.
      const stop = new AbortController();
      await assert.rejects(
        extract('stopped', {
          signal: stop.signal,
          onProgress: ({ task, done }) => {
            if (task === 'extract' && done === 90) stop.abort();
          },
        }),
        InterruptedError,
      );
      assert.equal(Object.keys(await partsIn(join(folder, 'stopped'))).length, 1);
      const resumed = await extract('stopped', { resume: true });
      assert.deepEqual(await partsIn(join(folder, 'stopped')), once);
      assert.deepEqual(resumed.skipped, skipped);
      assert.ok(resumed.run.computed < 146 - 85, `${resumed.run.computed} images were computed again`);
      assert.ok(!(await readdir(join(folder, 'stopped'))).includes('.previous'));

      for (const index of [1, 0]) await extract('shards', { shard: { index, count: 2 } });
      assert.deepEqual(await partsIn(join(folder, 'shards')), once);
    }));

  it('computes again only what has changed', () =>
    withData(async (folder, net, items) => {
      const out = join(folder, 'out');
      const notices: string[] = [];
      const extract = (list = items, more: Partial<ExtractOptions> = {}, nets = [net]) =>
        extractFeatures(list, nets, recipe, {
          out,
          threads: 1,
          onNotice: (notice) => notices.push(render(notice)),
          ...more,
        });
      await extract();
      await assert.rejects(extract(), UsageError);
      const again = await extract(items, { resume: true });
      assert.equal(again.run.computed, 0);

      // Another image under the same name.
      await cp(items[11]!.source.file, items[10]!.source.file);
      const changed = await extract(items, { resume: true });
      assert.equal(changed.run.computed, 0, 'the image is known from another row');
      const matrix = await changed.store.read('fc7');
      const row = (i: number) => rowOf(matrix, changed.store.ids.indexOf(items[i]!.id));
      assert.deepEqual(row(10), row(11));

      // An image less and one more: parts shift, rows do not.
      const more = await pictures(join(folder, 'images'), 1, 500);
      const list = [...items.slice(1), ...more];
      const shifted = await extract(list, { resume: true });
      assert.equal(shifted.run.computed, 1);
      await rm(join(folder, 'fresh'), { recursive: true, force: true });
      await extractFeatures(list, [net], recipe, { out: join(folder, 'fresh'), threads: 1 });
      assert.deepEqual(await partsIn(out), await partsIn(join(folder, 'fresh')));

      // A damaged part.
      const name = Object.keys(await partsIn(out))[1]!;
      await truncate(join(out, name), 5000);
      const mended = await extract(list, { resume: true });
      assert.ok(mended.run.computed > 0 && mended.run.computed <= 64);
      assert.deepEqual(await partsIn(out), await partsIn(join(folder, 'fresh')));
      assert.ok(notices.some((text) => text.includes(name) && text.includes('damaged')));

      // Other weights: refused, or, forced, everything.
      const other = join(folder, 'other.safetensors');
      await randomBackbone(other, small(), 2);
      const before = await partsIn(out);
      await assert.rejects(
        extract(list, { resume: true }, [other]),
        /backbone was A \(SHA-256 .*, is A \(.*force/,
      );
      assert.deepEqual(await partsIn(out), before);
      const recomputed = await extract(list, { force: true }, [other]);
      assert.equal(recomputed.run.computed, 145);
      assert.ok(notices.some((text) => text.includes('weights have changed')));
      assert.notEqual(recomputed.store.hash, mended.store.hash);
      assert.equal((await openFeatures([out])).hash, recomputed.store.hash);
    }));

  it('computes identical images once', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 4);
      await mkdir(join(folder, 'images', 'copies'), { recursive: true });
      for (let i = 0; i < 100; i++) {
        const file = join(folder, 'images', 'copies', `${i}.png`);
        await cp(items[i % 4]!.source.file, file);
        items.push({ id: `copies/${i}`, path: `copies/${i}.png`, source: { file }, labels: ['copy'] });
      }
      await randomBackbone(join(folder, 'net'));
      const { store, run } = await extractFeatures(items, [join(folder, 'net')], recipe, {
        out: join(folder, 'out'),
      });
      assert.deepEqual([store.rows, run.computed, run.reused], [104, 4, 100]);
      const matrix = await store.read('fc7');
      const row = (id: string) => rowOf(matrix, store.ids.indexOf(id));
      assert.deepEqual(row('copies/7'), row(items[3]!.id));
    }));
});
