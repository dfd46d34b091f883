// Images without labels: files and folders, flat or nested, each once.
import { deepEqual, rejects } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { photosIn } from '../../src/datasets/photos.js';
import { option } from '../../src/errors.js';
import { withFolder } from '../support.js';

describe('datasets/photos', () => {
  it('finds the images of flat and nested folders and single files, each once', () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'deep', 'er'), { recursive: true });
      for (const name of ['b.jpg', 'a.PNG', 'notes.txt', 'deep/c.webp', 'deep/er/d.tif'])
        await writeFile(join(folder, name), '');
      const all = await photosIn([folder]);
      const wanted = ['a.PNG', 'b.jpg', 'deep/c.webp', 'deep/er/d.tif'].map((name) => join(folder, name));
      deepEqual(
        all.map(({ path }) => path),
        wanted,
      );
      deepEqual(
        all.map(({ source }) => source.file),
        wanted,
      );
      const some = await photosIn([wanted[1]!, folder, `${folder}/deep`]);
      deepEqual(
        some.map(({ path }) => path),
        [wanted[1], wanted[0], wanted[2], wanted[3]],
      );
    }));

  it('walks as all readers do: links once, pipes and what systems leave behind passed over', () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, '__MACOSX'));
      await writeFile(join(folder, '__MACOSX', '._x.jpg'), '');
      await writeFile(join(folder, 'a.jpg'), '');
      await symlink('.', join(folder, 'loop'));
      execFileSync('mkfifo', [join(folder, 'pipe.jpg')]);
      const passed: string[] = [];
      const photos = await photosIn([folder], undefined, ({ path }) => passed.push(path));
      deepEqual(
        photos.map(({ path }) => path),
        [join(folder, 'a.jpg')],
      );
      deepEqual(passed, [join(folder, 'loop'), join(folder, 'pipe.jpg')]);
      await rejects(photosIn([join(folder, 'pipe.jpg')]), /It is a pipe or a device, not a file/);
    }));

  it('names a path that is not there, and a folder without images', () =>
    withFolder(async (folder) => {
      await rejects(
        photosIn([join(folder, 'none')], option('calibration')),
        /for calibration but received .*none/,
      );
      await rejects(photosIn([folder]), /Expected images in the folder .* but found none/);
    }));
});
