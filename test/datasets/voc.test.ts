// VOC classification on made-up data: labels worked out by hand, archives as folders, every fault named with its line.
import assert from 'node:assert/strict';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAnnotation } from '../../src/datasets/voc-annotation.js';
import { openVocTree } from '../../src/datasets/voc-lists.js';
import { VOC_CLASSES, readVoc } from '../../src/datasets/voc.js';
import { UsageError, VerydeepError } from '../../src/errors.js';
import { decode } from '../../src/images/decode.js';
import { readImageBytes } from '../../src/images/source.js';
import { withFolder } from '../support.js';
import { archived, unpacked, withSpoilt } from './made.js';

const wrong = (work: Promise<unknown>, root: string, message: string): Promise<void> =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.message.replaceAll(`${root}/`, ''), message);
    return true;
  });

const MAIN = 'VOCdevkit/VOC2007/ImageSets/Main';

describe('readVoc', () => {
  it('reads labels as worked out by hand: several classes, and 0 for only difficult objects', async () => {
    const dataset = await readVoc(2007, await unpacked('voc2007'));
    assert.equal(dataset.name, 'voc2007');
    assert.deepEqual(dataset.classes, VOC_CLASSES);
    assert.deepEqual(
      Object.entries(dataset.splits).map(([split, items]) => [split, items.length]),
      [
        ['train', 24],
        ['val', 20],
        ['trainval', 44],
        ['test', 20],
      ],
    );
    // The scenes are described beside FIRST in test/fixtures/datasets/voc.ts.
    const first = dataset.splits['train']!.slice(0, 4);
    assert.deepEqual(
      first.map(({ id, path, labels, ignored }) => ({ id, path, labels, ignored })),
      [
        { id: '000001', path: 'VOC2007/JPEGImages/000001.jpg', labels: ['cat', 'dog'], ignored: undefined },
        { id: '000002', path: 'VOC2007/JPEGImages/000002.jpg', labels: [], ignored: ['person'] },
        {
          id: '000003',
          path: 'VOC2007/JPEGImages/000003.jpg',
          labels: ['horse', 'person'],
          ignored: undefined,
        },
        { id: '000004', path: 'VOC2007/JPEGImages/000004.jpg', labels: ['bus'], ignored: ['car'] },
      ],
    );
  });

  it('agrees with the annotations in every image and class', async () => {
    const root = await unpacked('voc2007');
    const { splits } = await readVoc(2007, root);
    const tree = await openVocTree(2007, root);
    for (const { id, labels, ignored = [] } of [...splits['trainval']!, ...splits['test']!]) {
      const { objects } = await readAnnotation(tree, id);
      const clear = objects.filter(({ difficult }) => !difficult).map(({ name }) => name);
      const any = objects.map(({ name }) => name);
      assert.deepEqual(
        labels,
        VOC_CLASSES.filter((name) => clear.includes(name)),
        id,
      );
      assert.deepEqual(
        ignored,
        VOC_CLASSES.filter((name) => any.includes(name) && !clear.includes(name)),
        id,
      );
    }
  });

  it('finds the data set from VOCdevkit and from VOC2007 itself', async () => {
    const root = await unpacked('voc2007');
    const { splits } = await readVoc(2007, root);
    for (const inner of ['VOCdevkit', 'VOCdevkit/VOC2007']) {
      assert.deepEqual((await readVoc(2007, join(root, inner))).splits, splits);
    }
  });

  it('reads the original archives in place: the same items, the same bytes', async () => {
    for (const year of [2007, 2012] as const) {
      const whole = await readVoc(year, await unpacked(`voc${year}`));
      const packed = await readVoc(year, await archived(`voc${year}`));
      assert.deepEqual(Object.keys(packed.splits), ['train', 'val', 'trainval', 'test']);
      for (const [split, items] of Object.entries(whole.splits)) {
        for (const [i, item] of items.entries()) {
          const other = packed.splits[split]![i]!;
          assert.deepEqual({ ...other, source: 0 }, { ...item, source: 0 });
          assert.ok(other.source.slice && /\.tar$/.test(other.source.file));
          const bytes = await readImageBytes(other.source);
          assert.ok(Buffer.from(bytes).equals(await readFile(item.source.file)), item.id);
        }
      }
      const { width, height } = await decode(await readImageBytes(packed.splits['test']![0]!.source), 'a');
      assert.deepEqual([width, height], [64, 48]);
    }
  });

  it('ignores every class of the test images of 2012, whose labels are not public', async () => {
    const { splits } = await readVoc(2012, await unpacked('voc2012'));
    assert.equal(splits['test']!.length, 20);
    for (const { labels, ignored } of splits['test']!) {
      assert.deepEqual(labels, []);
      assert.deepEqual(ignored, VOC_CLASSES);
    }
    assert.deepEqual(splits['train']![0]!.labels, ['cat', 'dog']);
  });

  it('leaves out the test split where only the public archive is there', () =>
    withSpoilt(
      'voc2007',
      Object.fromEntries(
        ['test', ...VOC_CLASSES.map((c) => `${c}_test`)].map((n) => [`${MAIN}/${n}.txt`, undefined]),
      ),
      async (root) => {
        assert.deepEqual(Object.keys((await readVoc(2007, root)).splits), ['train', 'val', 'trainval']);
      },
    ));

  it('names a missing class file', () =>
    withSpoilt('voc2007', { [`${MAIN}/cow_val.txt`]: undefined }, (root) =>
      wrong(
        readVoc(2007, root),
        root,
        `Expected a file of labels for each of the 20 classes for ${MAIN}/cow_val.txt but received "no such file". Unpack the archive again.`,
      ),
    ));

  it('names the line of an id without image, and how many are missing', () => {
    const image = (id: string): string => `VOCdevkit/VOC2007/JPEGImages/${id}.jpg`;
    return withSpoilt('voc2007', { [image('000005')]: undefined, [image('000007')]: undefined }, (root) =>
      wrong(
        readVoc(2007, root),
        root,
        `Expected the image ${image('000005')} for ${MAIN}/train.txt line 5 but received "no such file". ` +
          '2 of 24 images are missing: the download or the unpacking is not complete.',
      ),
    );
  });

  const faults: readonly [string, string, (text: string) => string, string][] = [
    [
      'an unknown label',
      'dog_train.txt',
      (text) => text.replace('000003 -1', '000003  2'),
      `Expected a label 1, -1 or 0 for ${MAIN}/dog_train.txt line 3 but received "2".`,
    ],
    [
      'a missing column',
      'dog_train.txt',
      (text) => text.replace('000003 -1', '000003'),
      `Expected 2 columns for ${MAIN}/dog_train.txt line 3 but received "000003".`,
    ],
    [
      'an id of another year',
      'train.txt',
      (text) => text.replace('000002', '2008_000002'),
      `Expected an image id of VOC2007 (six digits) for ${MAIN}/train.txt line 2 but received "2008_000002". It is of another year: the years are mixed up.`,
    ],
    [
      'an id that is none',
      'val.txt',
      (text) => `../../x\n${text}`,
      `Expected an image id of VOC2007 (six digits) for ${MAIN}/val.txt line 1 but received "../../x". Get the file from the official archive.`,
    ],
    [
      'labels of another split',
      'bus_train.txt',
      (text) => text.replace('000004', '000030'),
      `Expected an image of ${MAIN}/train.txt for ${MAIN}/bus_train.txt line 4 but received "000030". It belongs to another split.`,
    ],
    [
      'an image without label',
      'bus_train.txt',
      (text) => text.replace(/000004.*\n/, ''),
      `Expected a label of 000004 (${MAIN}/train.txt line 4) for ${MAIN}/bus_train.txt but received "23 lines".`,
    ],
    [
      'a repeated id',
      'bus_train.txt',
      (text) => text.replace('000004', '000003'),
      `Expected "000003" once for ${MAIN}/bus_train.txt line 4 but received "it again, after line 3".`,
    ],
  ];
  for (const [what, file, change, message] of faults) {
    it(`names file and line of ${what}`, () =>
      withSpoilt('voc2007', { [`${MAIN}/${file}`]: change }, (root) =>
        wrong(readVoc(2007, root), root, message),
      ));
  }

  it('says what is there in place of the year that was asked for', async () => {
    const root = await unpacked('voc2012');
    await assert.rejects(readVoc(2007, join(root, 'VOCdevkit')), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(
        error.message,
        `Expected the folder VOC2007, or the archives VOCtrainval_06-Nov-2007.tar, VOCtest_06-Nov-2007.tar, in ${root}/VOCdevkit ` +
          'given for data, but it holds VOC2012.',
      );
      return true;
    });
    await assert.rejects(
      readVoc(2007, await archived('voc2012')),
      /but it holds VOC2012test\.tar, VOCtrainval_11-May-2012\.tar\.$/,
    );
  });

  it('recognises one year in the folder of the other', async () => {
    const root = await unpacked('voc2012');
    await withFolder(async (folder) => {
      await symlink(join(root, 'VOCdevkit/VOC2012'), join(folder, 'VOC2007'));
      await assert.rejects(
        readVoc(2007, folder),
        /train\.txt line 1 but received "2008_000001"\. It is of another year: the years are mixed up\.$/,
      );
    });
  });

  it('reports an archive whose download was cut, wherever', async () => {
    const whole = await readFile(join(await archived('voc2007'), 'VOCtrainval_06-Nov-2007.tar'));
    await withFolder(async (root) => {
      for (const length of [0, 300, 512 * 40, 512 * 40 + 100, whole.length >> 1, whole.length - 1024]) {
        await writeFile(join(root, 'VOCtrainval_06-Nov-2007.tar'), whole.subarray(0, length));
        await assert.rejects(readVoc(2007, root), (error) => {
          assert.ok(error instanceof VerydeepError);
          assert.match(
            error.message,
            /VOCtrainval_06-Nov-2007\.tar (ends in the middle of VOCdevkit\/VOC2007\/|is no tar archive or ends too early, after )/,
          );
          return true;
        });
      }
    });
  });
});
