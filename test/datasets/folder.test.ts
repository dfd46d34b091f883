// Class folders: classes, order, strays, splits, and one clear line for everything that is wrong.
import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requireClasses } from '../../src/datasets/common.js';
import { readFolder } from '../../src/datasets/folder.js';
import { openDataset, splitOf } from '../../src/datasets/open.js';
import { UsageError } from '../../src/errors.js';
import { makeOutputFolder } from '../../src/io/output-folder.js';
import { withFolder } from '../support.js';

/** Writes one-byte files; a path that ends in `/` makes a folder. */
const make = async (root: string, ...paths: readonly string[]): Promise<void> => {
  for (const path of paths) {
    await mkdir(join(root, path.endsWith('/') ? path : dirname(path)), { recursive: true });
    if (!path.endsWith('/')) await writeFile(join(root, path), 'x');
  }
};

const wrong = (work: Promise<unknown>, message: string): Promise<void> =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.message, message);
    return true;
  });

describe('readFolder', () => {
  it('takes the path of the folder as class, nested or not, and sorts by code unit', () =>
    withFolder(async (root) => {
      await make(root, 'b/2.PNG', 'b/10.jpeg', 'animals/cat/x.svg', 'animals/own.webp', 'Z/1.jpg', 'é/1.tif');
      const dataset = await readFolder(root);
      assert.deepEqual(dataset.classes, ['Z', 'animals', 'animals/cat', 'b', 'é']);
      assert.deepEqual(Object.keys(dataset.splits), ['all']);
      assert.deepEqual(
        dataset.splits['all']!.map(({ id, path, labels, source }) => [id, path, labels, source]),
        [
          ['Z/1.jpg', ['Z']],
          ['animals/cat/x.svg', ['animals/cat']],
          ['animals/own.webp', ['animals']],
          ['b/10.jpeg', ['b']],
          ['b/2.PNG', ['b']],
          ['é/1.tif', ['é']],
        ].map(([id, labels]) => [id, id, labels, { file: join(root, id as string) }]),
      );
      assert.deepEqual(dataset.strays, []);
    }));

  it('lists strays, and passes over what systems leave behind', () =>
    withFolder(async (root) => {
      await make(
        root,
        'a/1.jpg',
        'a/tmp',
        'a/.DS_Store',
        'a/Thumbs.db',
        'b/1.jpg',
        'b/notes.txt',
        'top.jpg',
        '.git/x.jpg',
      );
      await symlink(join(root, 'nowhere'), join(root, 'a', 'lost.jpg'));
      await symlink(root, join(root, 'b', 'loop'));
      await symlink(join(root, 'a', '1.jpg'), join(root, 'b', '2.jpg'));
      const dataset = await readFolder(root);
      assert.deepEqual(
        dataset.splits['all']!.map(({ id }) => id),
        ['a/1.jpg', 'b/1.jpg', 'b/2.jpg'],
      );
      assert.deepEqual(
        dataset.strays.map(({ path, reason }) => `${path}: ${reason.replace(/ \(.*/, '')}`),
        [
          'a/lost.jpg: a link that leads nowhere',
          'a/tmp: not an image type that is read',
          'b/loop: a link to a folder that contains it',
          'b/notes.txt: not an image type that is read',
          'top.jpg: lies in no class folder, beside others that do',
        ],
      );
    }));

  it('takes train, val and test as splits where the root holds nothing else', () =>
    withFolder(async (root) => {
      await make(root, 'train/a/1.jpg', 'train/b/1.jpg', 'val/a/2.jpg', 'val/animals/cat/1.jpg');
      const dataset = await readFolder(root);
      assert.deepEqual(dataset.classes, ['a', 'animals/cat', 'b']);
      assert.deepEqual(
        Object.entries(dataset.splits).map(([split, items]) => [split, items.map(({ id }) => id)]),
        [
          ['train', ['train/a/1.jpg', 'train/b/1.jpg']],
          ['val', ['val/a/2.jpg', 'val/animals/cat/1.jpg']],
        ],
      );
      assert.deepEqual(splitOf(dataset, 'val')[1]!.labels, ['animals/cat']);
      await wrong(
        Promise.resolve().then(() => splitOf(dataset, 'test')),
        `Expected one of the splits train, val of ${root} for split but received "test".`,
      );
      await make(root, 'train/direct.jpg', 'train/second.jpg');
      assert.deepEqual((await readFolder(root)).strays, [
        { path: 'train', reason: '2 images in no class folder' },
      ]);
    }));

  it('tells of classes that a split lacks, and of names that look alike', () =>
    withFolder(async (root) => {
      await make(root, 'train/a/1.jpg', 'train/b/1.jpg', 'val/a/1.jpg', 'val/d/1.jpg', 'val/c/', 'test/');
      assert.deepEqual((await readFolder(root)).remarks, [
        'The split train has no image of the class "d" (in val only).',
        'The split val has no image of the class "b" (in train only).',
        'No images are in test, val/c.',
      ]);
      const alike = join(root, 'alike');
      await make(alike, 'caf\u00e9/1.jpg', 'cafe\u0301/1.jpg', 'Dog/1.jpg', 'dog/1.jpg', 'x/1.jpg');
      const dataset = await readFolder(alike);
      assert.equal(dataset.classes.length, 5);
      assert.deepEqual(dataset.remarks, [
        'These classes differ in Unicode form only and are kept apart: "cafe\\u{301}", "caf\\u{e9}". Rename one if they are the same.',
        'These classes differ in case only and are kept apart: "Dog", "dog". Rename one if they are the same.',
      ]);
    }));

  it('takes splits without classes as unlabelled, not as two classes named train and test', () =>
    withFolder(async (root) => {
      await make(root, 'train/1.jpg', 'test/2.jpg');
      const dataset = await readFolder(root);
      assert.deepEqual(dataset.classes, []);
      assert.deepEqual(Object.keys(dataset.splits), ['train', 'test']);
      await wrong(
        Promise.resolve().then(() => {
          requireClasses(dataset);
        }),
        `Expected labelled images in ${root} but no image has a label: the images lie in no class folder. Put the images of each class into a folder of their own, named after it, or list them in a table and read it as csv.`,
      );
    }));

  it('names a type that is not read in a class folder that holds no other', () =>
    withFolder(async (root) => {
      await make(root, 'a/1.jpg', 'b/1.bmp', 'b/2.bmp');
      await wrong(
        readFolder(root),
        `Expected images in the class folder ${join(root, 'b')} but found none (2 other files; b/1.bmp is not an image type that is read: convert BMP to JPEG or PNG). Remove the folder or add images.`,
      );
    }));

  it('is not changed by results that a command writes into it', () =>
    withFolder(async (root) => {
      await make(root, 'a/1.jpg', 'b/1.jpg');
      const before = await readFolder(root);
      await makeOutputFolder(join(root, 'runs', 'first'));
      await make(root, 'runs/first/features/c943f18bf75a9b86-000000.arrow', 'runs/first/pictures/1.jpg');
      const after = await readFolder(root);
      assert.deepEqual(after.classes, before.classes);
      assert.deepEqual(after.splits, before.splits);
      assert.deepEqual(after.strays, [
        { path: 'runs/first', reason: 'a folder of results that verydeep wrote' },
      ]);
    }));

  it('names a missing folder, a file, an empty root, an empty class', () =>
    withFolder(async (root) => {
      const [missing, file, empty] = ['missing', 'file', 'empty'].map((name) => join(root, name));
      await make(root, 'file', 'empty/');
      await wrong(readFolder(missing!), `Expected an existing folder for data but received "${missing}".`);
      await wrong(readFolder(file!), `Expected a folder for data but received "${file}". It is a file.`);
      await wrong(
        readFolder(empty!),
        `Expected images, or a folder of images for each class, for ${empty} but received "an empty folder".`,
      );
      const data = join(root, 'data');
      await make(data, 'a/1.jpg', 'b/readme.txt', 'c/1.jpg');
      await wrong(
        readFolder(data),
        `Expected images in the class folder ${join(data, 'b')} but found none. Remove the folder or add images.`,
      );
      await make(root, 'notes/1.txt', 'notes/2.txt');
      await assert.rejects(readFolder(join(root, 'notes')), /received "2 other files"/);
    }));

  it('reads one class, which requireClasses then refuses by name', () =>
    withFolder(async (root) => {
      await make(root, 'cat/1.jpg');
      const dataset = await readFolder(root);
      await wrong(
        Promise.resolve().then(() => {
          requireClasses(dataset);
        }),
        `Expected at least two classes for ${root} but received ["cat"]. A classifier needs images of another class, in a folder of their own.`,
      );
    }));
});

describe('openDataset', () => {
  it('refuses an unknown name and lists the known ones', async () => {
    await assert.rejects(
      openDataset('cifar', '.'),
      (error) =>
        error instanceof UsageError &&
        /^Expected one of .*folder, csv.* for the data set but received "cifar"\.$/.test(error.message),
    );
    await assert.rejects(openDataset('toString', '.'), UsageError);
  });
});
