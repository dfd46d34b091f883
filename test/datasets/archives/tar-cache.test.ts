import assert from 'node:assert/strict';
import { copyFile, readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { indexTar } from '../../../src/datasets/archives/tar.js';
import { cachedIndex } from '../../../src/datasets/archives/tar-cache.js';
import { withFolder } from '../../support.js';
import { archived } from '../made.js';

describe('cachedIndex', () => {
  it('goes through an archive once, and again when its size or time has changed', () =>
    withFolder(async (folder) => {
      const [tar, cache] = [join(folder, 'a.tar'), join(folder, 'cache')];
      await copyFile(join(await archived('caltech256'), '256_ObjectCategories.tar'), tar);
      const whole = await indexTar(tar);
      assert.deepEqual(await cachedIndex(tar, cache), whole);
      const [name] = await readdir(cache);
      const file = join(cache, name!);

      // The kept index is what is read: a mark in it comes back.
      const text = await readFile(file, 'utf8');
      const mark = { path: 'mark', reason: 'a test' };
      const kept = JSON.parse(text) as { index: { skipped: object[] } };
      await writeFile(file, JSON.stringify({ ...kept, index: { ...kept.index, skipped: [mark] } }));
      assert.deepEqual((await cachedIndex(tar, cache)).skipped, [mark]);

      // Another time of change: indexed anew.
      const { atime, mtimeMs } = await stat(tar);
      await utimes(tar, atime, new Date(mtimeMs + 5000));
      assert.deepEqual(await cachedIndex(tar, cache), whole);
      // Another size, with the old time: a cut archive is refused, not taken from the cache.
      const { mtime } = await stat(tar);
      await writeFile(tar, (await readFile(tar)).subarray(0, 5000));
      await utimes(tar, atime, mtime);
      await assert.rejects(cachedIndex(tar, cache), /ends in the middle of/);
    }));

  it('does without a cache that is damaged or cannot be written', () =>
    withFolder(async (folder) => {
      const tar = join(await archived('caltech256'), '256_ObjectCategories.tar');
      const whole = await indexTar(tar);
      await cachedIndex(tar, folder);
      const [name] = await readdir(folder);
      await writeFile(join(folder, name!), '{"format":1');
      assert.deepEqual(await cachedIndex(tar, folder), whole);
      assert.deepEqual(await cachedIndex(tar, '/proc/nowhere'), whole);
    }));
});
