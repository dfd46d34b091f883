// Folders for results: made with their parents, and refused with a reason where the system cannot make them.
import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../src/errors.js';
import { isEmptyFolder, makeFolder } from '../../src/io/files.js';
import { withFolder } from '../support.js';

describe('files', () => {
  it('makes folders with their parents, and takes those that are there', () =>
    withFolder(async (folder) => {
      const deep = join(folder, 'a', 'b', 'c');
      await makeFolder(deep);
      await makeFolder(deep);
      assert.ok((await stat(deep)).isDirectory());
    }));

  it('takes a folder for empty that holds nothing but markers and folders that are as empty', () =>
    withFolder(async (folder) => {
      assert.ok(await isEmptyFolder(join(folder, 'missing')));
      assert.ok(await isEmptyFolder(folder));
      await makeFolder(join(folder, 'a', 'b'));
      assert.ok(await isEmptyFolder(folder));
      await writeFile(join(folder, 'a', 'b', '.marker'), '');
      assert.ok(await isEmptyFolder(folder, '.marker'));
      assert.equal(await isEmptyFolder(folder), false);
      await writeFile(join(folder, 'a', 'file'), '');
      assert.equal(await isEmptyFolder(folder, '.marker'), false);
    }));

  it('is not disturbed by others that make the same folder or its parents at the same time', () =>
    withFolder(async (folder) => {
      for (let round = 0; round < 20; round++) {
        const deep = join(folder, `${round}`, 'b', 'c');
        await Promise.all(
          [deep, join(deep, 'd'), deep, join(folder, `${round}`, 'b')].map((path) => makeFolder(path)),
        );
        assert.ok((await stat(join(deep, 'd'))).isDirectory());
      }
    }));

  it('refuses what cannot be a folder, and names it', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      const refused = (path: string, pattern: RegExp) =>
        assert.rejects(
          makeFolder(path),
          (error: Error) =>
            error instanceof UsageError && error.message.includes(path) && pattern.test(error.message),
        );
      await refused(file, /a file of that name is there/);
      await refused(join(file, 'below'), /a part of the path is a file/);
      if (process.platform === 'linux') await refused('/proc/verydeep/deep', /no folder can be made there/);
    }));
});
