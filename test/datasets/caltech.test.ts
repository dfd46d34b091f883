// Caltech-101 and -256 on made-up data: classes, background, strays, the archives and their copy in the cache.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readCaltech } from '../../src/datasets/caltech.js';
import type { Dataset } from '../../src/datasets/dataset.js';
import { UsageError } from '../../src/errors.js';
import { decode } from '../../src/images/decode.js';
import { readImageBytes } from '../../src/images/source.js';
import { withFolder } from '../support.js';
import { archived, unpacked, withSpoilt } from './made.js';

/** All but where the bytes lie, and the bytes themselves. */
const contentOf = async ({ splits, ...rest }: Dataset): Promise<unknown> => ({
  ...rest,
  root: 0,
  items: await Promise.all(
    splits['all']!.map(async ({ source, ...item }) => ({
      ...item,
      bytes: Buffer.from(await readImageBytes(source)).toString('base64'),
    })),
  ),
});

describe('readCaltech', () => {
  it('reads the classes of Caltech-101, the background among them, and lists the stray', async () => {
    const dataset = await readCaltech('caltech101', await unpacked('caltech101'));
    assert.deepEqual(dataset.classes, [
      'BACKGROUND_Google',
      'accordion',
      'ant',
      'butterfly',
      'crab',
      'sunflower',
    ]);
    assert.equal(dataset.splits['all']!.length, 24);
    assert.deepEqual(dataset.splits['all']![4], {
      id: 'accordion/image_0001.jpg',
      path: 'accordion/image_0001.jpg',
      source: { file: join(dataset.root, '101_ObjectCategories/accordion/image_0001.jpg') },
      labels: ['accordion'],
    });
    assert.deepEqual(dataset.strays, [
      { path: 'BACKGROUND_Google/tmp', reason: 'not named like an image of this data set' },
    ]);
  });

  it('leaves the background out on demand', async () => {
    const dataset = await readCaltech('caltech101', await unpacked('caltech101'), { background: false });
    assert.deepEqual(dataset.classes, ['accordion', 'ant', 'butterfly', 'crab', 'sunflower']);
    assert.equal(dataset.splits['all']!.length, 20);
    const clutter = await readCaltech('caltech256', await unpacked('caltech256'), { background: false });
    assert.ok(!clutter.classes.includes('257.clutter'));
  });

  it('reads Caltech-256 and counts its strays, nested folders included', async () => {
    const dataset = await readCaltech('caltech256', await unpacked('caltech256'));
    assert.deepEqual(dataset.classes, [
      '009.bear',
      '024.butterfly',
      '055.dice',
      '056.dog',
      '198.spider',
      '257.clutter',
    ]);
    assert.equal(dataset.splits['all']!.length, 24);
    assert.deepEqual(dataset.strays, [
      { path: '056.dog/greg/vision309/a.jpg', reason: 'a folder inside a class folder' },
      { path: '198.spider/RENAME2', reason: 'not named like an image of this data set' },
    ]);
  });

  it('holds grey images as the originals do, which become RGB', async () => {
    const { splits } = await readCaltech('caltech101', await unpacked('caltech101'));
    const grey = splits['all']!.find(({ id }) => id === 'ant/image_0003.jpg')!;
    const bytes = await readImageBytes(grey.source);
    // The frame header of a JPEG, FF C0, is followed by length, depth, size and then the number of components.
    assert.equal(bytes[Buffer.from(bytes).indexOf(Buffer.from([0xff, 0xc0])) + 9], 1);
    const { data } = await decode(bytes, 'a');
    assert.ok(data.every((value, i) => value === data[i - (i % 3)]));
  });

  it('gives the same from the .tar in place, the .tar.gz and the .zip', async () => {
    assert.deepEqual(
      await contentOf(await readCaltech('caltech256', await archived('caltech256'))),
      await contentOf(await readCaltech('caltech256', await unpacked('caltech256'))),
    );
    const whole = await contentOf(await readCaltech('caltech101', await unpacked('caltech101')));
    for (const form of ['101_ObjectCategories.tar.gz', 'caltech-101.zip']) {
      await withFolder(async (folder) => {
        const cache = join(folder, 'cache');
        await mkdir(join(folder, 'data'));
        await copyFile(join(await archived('caltech101'), form), join(folder, 'data', form));
        const packed = await readCaltech('caltech101', join(folder, 'data'), { cache });
        assert.deepEqual(await contentOf(packed), whole, form);
        const [copy, index, ...others] = (await readdir(cache)).sort();
        assert.deepEqual(others, []);
        assert.ok(index!.startsWith(copy!) && index!.endsWith('.index.json'));
        assert.ok(packed.splits['all']!.every(({ source }) => source.file === join(cache, copy!)));
        // Unpacked once: the second opening takes the copy as it is.
        await writeFile(join(cache, copy!), await readFile(join(cache, copy!)));
        assert.deepEqual(
          await contentOf(await readCaltech('caltech101', join(folder, 'data'), { cache })),
          whole,
        );
        assert.deepEqual((await readdir(cache)).sort(), [copy, index]);
        assert.deepEqual(
          await readdir(join(folder, 'data')),
          [form],
          'nothing is written beside the archive',
        );
      });
    }
  });

  it('passes over what systems leave behind, and names pipes, loops and results', () =>
    withFolder(async (root) => {
      const top = join(root, '101_ObjectCategories');
      const files = [
        'ant/image_0001.jpg',
        'bee/image_0001.jpg',
        'ant/@eaDir/image_0001.jpg',
        'lost+found/x.jpg',
      ];
      for (const file of [
        ...files,
        'ant/Thumbs.db',
        '__MACOSX/ant/._image_0001.jpg',
        'run/.verydeep',
        'run/x.jpg',
      ]) {
        await mkdir(dirname(join(top, file)), { recursive: true });
        await writeFile(join(top, file), 'x');
      }
      await symlink('..', join(top, 'ant', 'loop'));
      execFileSync('mkfifo', [join(top, 'ant', 'image_0002.jpg')]);
      const { classes, splits, strays } = await readCaltech('caltech101', root);
      assert.deepEqual(classes, ['ant', 'bee']);
      assert.equal(splits['all']!.length, 2);
      assert.deepEqual(
        [...strays].sort((a, b) => (a.path < b.path ? -1 : 1)),
        [
          { path: 'ant/image_0002.jpg', reason: 'a named pipe, not a file' },
          { path: 'ant/loop', reason: 'a link to a folder that contains it' },
          { path: 'run', reason: 'a folder of results that verydeep wrote' },
        ],
      );
    }));

  it('names an empty class', () =>
    withSpoilt(
      'caltech256',
      Object.fromEntries(
        [1, 2, 3, 4].map((i) => [`256_ObjectCategories/055.dice/055_000${i}.jpg`, undefined]),
      ),
      (root) =>
        assert.rejects(readCaltech('caltech256', root), (error) => {
          assert.ok(error instanceof UsageError);
          assert.equal(
            error.message.replaceAll(`${root}/`, ''),
            'Expected images in the class folder 256_ObjectCategories/055.dice for data but received "none". Unpack the archive again.',
          );
          return true;
        }),
    ));

  it('names a folder that holds another data set, and an archive that was cut', async () => {
    await assert.rejects(
      readCaltech('caltech101', await unpacked('caltech256')),
      /in \S+ given for data, but it holds 256_ObjectCategories\.$/,
    );
    const packed = await readFile(join(await archived('caltech101'), '101_ObjectCategories.tar.gz'));
    await withFolder(async (root) => {
      await writeFile(join(root, '101_ObjectCategories.tar.gz'), packed.subarray(0, packed.length / 2));
      const cache = join(root, 'cache');
      await assert.rejects(
        readCaltech('caltech101', root, { cache }),
        /^VerydeepError: The archive \S+101_ObjectCategories\.tar\.gz is damaged or ends too early \(unexpected end of file\)\. Download it again\.$/,
      );
      assert.deepEqual(await readdir(cache), [], 'nothing half done is left');
    });
  });
});
