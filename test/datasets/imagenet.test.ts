import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { readImagenet } from '../../src/datasets/imagenet.js';
import { readSynsets, validationNumber } from '../../src/datasets/imagenet-devkit.js';
import { readImageBytes } from '../../src/images/source.js';
import type { Item } from '../../src/datasets/dataset.js';
import { UsageError, VerydeepError } from '../../src/errors.js';
import { fixture, withFolder } from '../support.js';

const META = 'meta.mat';
const TRUTH = 'ILSVRC2012_validation_ground_truth.txt';
/** Sorted WNIDs of the fixture, and the classes of its six validation images by ILSVRC2012_ID 1, 4, 5, 1, 2, 3. */
const wnids = ['n01440764', 'n02012849', 'n02100735', 'n02110185', 'n02119789'];
const truth = ['n02119789', 'n01440764', 'n02012849', 'n02119789', 'n02100735', 'n02110185'];

const validationName = (i: number) => `ILSVRC2012_val_${String(i).padStart(8, '0')}.JPEG`;

/** Files with their own names as content: no reader of data sets looks at pixels. */
const write = async (root: string, ...paths: string[]): Promise<void> => {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), path.split('/').pop()!);
  }
};

const trainPaths = wnids.flatMap((wnid) => [1, 2].map((i) => `${wnid}/${wnid}_${i}.JPEG`));
const flatNames = truth.map((_, i) => validationName(i + 1));

const writeDevkit = async (root: string, folder = 'ILSVRC2012_devkit_t12/data'): Promise<void> => {
  await mkdir(join(root, folder), { recursive: true });
  for (const name of [META, TRUTH]) await copyFile(fixture('imagenet', name), join(root, folder, name));
};

const tarOf = async (
  entries: readonly (readonly [string, Buffer | string])[],
  path: string,
  gzip = false,
) => {
  const tar = pack();
  for (const [name, content] of entries) tar.entry({ name }, content);
  tar.finalize();
  if (gzip) await pipeline(tar, createGzip(), createWriteStream(path));
  else await pipeline(tar, createWriteStream(path));
};

const bytesOfTar = async (entries: readonly (readonly [string, string])[]): Promise<Buffer> => {
  const tar = pack();
  for (const [name, content] of entries) tar.entry({ name }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const labelsOf = (items: readonly Item[] | undefined) => items?.map(({ id, labels }) => [id, ...labels]);
const contentOf = async ({ source }: Item) => Buffer.from(await readImageBytes(source)).toString();

/** Every image leads to the bytes of its own name, and has the class that the name or the kit says. */
const checkLabels = async (dataset: Awaited<ReturnType<typeof readImagenet>>): Promise<void> => {
  assert.deepEqual(dataset.classes, wnids);
  assert.deepEqual(
    labelsOf(dataset.splits['train']),
    trainPaths.map((path) => [`train/${path}`, path.split('/')[0]]),
  );
  assert.deepEqual(
    labelsOf(dataset.splits['val']),
    truth.map((wnid, i) => [`val/${validationName(i + 1)}`, wnid]),
  );
  for (const item of Object.values(dataset.splits).flat()) {
    assert.equal(await contentOf(item), item.path.split('/').pop());
  }
};

describe('imagenet', () => {
  it('reads meta.mat: ILSVRC2012_ID 1 is the kit fox, not the first sorted WNID; inner synsets are no classes', async () => {
    const synsets = await readSynsets(META, await readFile(fixture('imagenet', META)));
    assert.deepEqual([...synsets.keys()], [1, 2, 3, 4, 5]);
    assert.equal(synsets.get(1)!.wnid, 'n02119789');
    assert.equal(synsets.get(4)!.words, 'tench, Tinca tinca');
  });

  it('numbers validation images by their names', () => {
    assert.equal(validationNumber('ILSVRC2012_val_00048981.JPEG'), 48981);
    assert.equal(validationNumber('n01440764_10026.JPEG'), undefined);
  });

  it('reads class folders, and a flat validation set with the unpacked development kit', () =>
    withFolder(async (root) => {
      await write(join(root, 'train'), ...trainPaths);
      await write(join(root, 'val'), ...flatNames);
      for (const folder of ['ILSVRC2012_devkit_t12/data', 'data', '.']) {
        await writeDevkit(root, folder);
        await checkLabels(await readImagenet(root));
      }
    }));

  it('reads validation images in class folders, with the same ids', () =>
    withFolder(async (root) => {
      await write(join(root, 'train'), ...trainPaths);
      await write(join(root, 'val'), ...flatNames.map((name, i) => `${truth[i]!}/${name}`));
      await checkLabels(await readImagenet(root));
    }));

  it("reads Kaggle's layout: rows in any order, ids without ending, several boxes, trailing blanks", () =>
    withFolder(async (root) => {
      await write(join(root, 'ILSVRC/Data/CLS-LOC/train'), ...trainPaths);
      await write(join(root, 'ILSVRC/Data/CLS-LOC/val'), ...flatNames);
      await write(join(root, 'ILSVRC/Data/CLS-LOC/test'), 'ILSVRC2012_test_00000001.JPEG');
      const rows = truth.map(
        (wnid, i) => `ILSVRC2012_val_0000000${i + 1},${wnid} 1 2 3 4 ${i % 2 ? 'n09999999 5 6 7 8 ' : ''}`,
      );
      await writeFile(
        join(root, 'LOC_val_solution.csv'),
        ['ImageId,PredictionString', ...rows.reverse()].join('\n'),
      );
      await writeFile(
        join(root, 'LOC_synset_mapping.txt'),
        wnids.map((wnid) => `${wnid} some name, another\n`).join(''),
      );
      const dataset = await readImagenet(root);
      await checkLabels(dataset);
      assert.deepEqual(labelsOf(dataset.splits['test']), [['test/ILSVRC2012_test_00000001.JPEG']]);
      await checkLabels(await readImagenet(join(root, 'ILSVRC')));
    }));

  it('reads the original archives in place: a tar of tars, a flat tar, the zipped kit; and keeps the index', () =>
    withFolder(async (root) => {
      const cache = join(root, 'cache');
      const classTars = await Promise.all(
        wnids.map(
          async (wnid) =>
            [
              `${wnid}.tar`,
              await bytesOfTar([1, 2].map((i) => [`${wnid}_${i}.JPEG`, `${wnid}_${i}.JPEG`] as const)),
            ] as const,
        ),
      );
      const trainTar = join(root, 'ILSVRC2012_img_train.tar');
      await tarOf(classTars, trainTar);
      await tarOf(
        flatNames.map((name) => [name, name] as const),
        join(root, 'ILSVRC2012_img_val.tar'),
      );
      await tarOf(
        await Promise.all(
          [META, TRUTH].map(
            async (name) =>
              [`ILSVRC2012_devkit_t12/data/${name}`, await readFile(fixture('imagenet', name))] as const,
          ),
        ),
        join(root, 'ILSVRC2012_devkit_t12.tar.gz'),
        true,
      );
      await checkLabels(await readImagenet(root, { cache }));
      const indices = (await readdir(cache)).filter((name) => name.endsWith('.index'));
      assert.equal(indices.length, 2);
      const told: string[] = [];
      await checkLabels(await readImagenet(root, { cache, onProgress: ({ task }) => told.push(task) }));
      assert.equal(told.length, 0, 'the second time nothing is indexed');
      await utimes(trainTar, new Date(0), new Date(0));
      await readImagenet(root, { cache, onProgress: ({ task }) => told.push(task) });
      assert.ok(told.includes('index ILSVRC2012_img_train.tar'), 'a changed archive is indexed again');
      const cut = (await readFile(trainTar)).subarray(0, 9000);
      await writeFile(trainTar, cut);
      await assert.rejects(
        readImagenet(root, { cache }),
        (error) => error instanceof VerydeepError && error.message.includes(trainTar),
      );
    }));

  const rejects = (root: string, message: RegExp) =>
    assert.rejects(readImagenet(root), (error) => error instanceof UsageError && message.test(error.message));

  it('names what is missing or wrong', () =>
    withFolder(async (root) => {
      await rejects(join(root, 'nowhere'), /an existing folder/);
      await write(root, 'notes.txt');
      await rejects(root, /Expected train\/<wnid>\/.*received \["notes.txt"\]/);
      await write(join(root, 'val'), ...flatNames);
      await rejects(root, /Expected labels for the flat validation images in .*val: the development kit/);
      await writeDevkit(root);
      const lines = join(root, 'ILSVRC2012_devkit_t12/data', TRUTH);
      await writeFile(lines, '1\n6\n');
      await rejects(root, /the ILSVRC2012_ID of a class \(1 to 5\) in line 2 of .*but received "6"/);
      await writeFile(lines, '1\n2\n');
      await rejects(root, /a label for each validation image .*val_00000003.JPEG/);
      await writeDevkit(root);
      await write(join(root, 'train'), ...trainPaths.filter((path) => !path.startsWith('n02119789')));
      await rejects(
        root,
        /one of the 4 classes in .*train for val\/ILSVRC2012_val_00000001.JPEG but received "n02119789"/,
      );
    }));

  it('names the line of a CSV or mapping that is wrong', () =>
    withFolder(async (root) => {
      await write(join(root, 'val'), ...flatNames);
      await writeFile(
        join(root, 'LOC_val_solution.csv'),
        'ImageId,PredictionString\nILSVRC2012_val_00000001,fox 1 2 3 4\n',
      );
      await rejects(root, /a WNID first for PredictionString in line 2 of .*LOC_val_solution.csv/);
      await writeFile(join(root, 'LOC_val_solution.csv'), 'Id,Label\n1,2\n');
      await rejects(root, /columns ImageId and PredictionString/);
      await writeFile(join(root, 'LOC_synset_mapping.txt'), 'n01440764 tench\nfox\n');
      await rejects(root, /a WNID, a blank and words for line 2 of .*LOC_synset_mapping.txt/);
    }));
});
