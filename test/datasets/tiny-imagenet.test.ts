// Tiny ImageNet as published, as people sort it, and under the names of other data sets; the real one where it is there.
import assert from 'node:assert/strict';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkDataset } from '../../src/datasets/check.js';
import { openDataset } from '../../src/datasets/open.js';
import { withFolder } from '../support.js';

const CAT = 'n02124075';
const FISH = 'n01443537';

const write = async (root: string, files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
};

/** Two classes in the published layout, under `tiny-imagenet-200`. */
const published = (root: string): Promise<void> =>
  write(join(root, 'tiny-imagenet-200'), {
    'wnids.txt': `${CAT}\n${FISH}\n`,
    'words.txt': `n00000001\tentity\n${FISH}\tgoldfish, Carassius auratus\n${CAT}\tEgyptian cat\n`,
    [`train/${CAT}/images/${CAT}_0.JPEG`]: 'x',
    [`train/${CAT}/${CAT}_boxes.txt`]: `${CAT}_0.JPEG\t0\t10\t63\t58\n`,
    [`train/${FISH}/images/${FISH}_0.JPEG`]: 'x',
    [`train/${FISH}/images/${FISH}_1.JPEG`]: 'x',
    [`train/${FISH}/${FISH}_boxes.txt`]: `${FISH}_0.JPEG\t1\t2\t3\t4\n${FISH}_1.JPEG\t0\t0\t63\t63\n`,
    'val/images/val_0.JPEG': 'x',
    'val/images/val_1.JPEG': 'x',
    'val/val_annotations.txt': `val_0.JPEG\t${FISH}\t0\t32\t44\t62\nval_1.JPEG\t${CAT}\t5\t6\t7\t8\n`,
    'test/images/test_0.JPEG': 'x',
  });

describe('tiny-imagenet', () => {
  it('reads classes by their words in the order of the WNIDs, labels and boxes', () =>
    withFolder(async (root) => {
      await published(root);
      const dataset = await openDataset('tiny-imagenet', root);
      assert.deepEqual(dataset.classes, ['goldfish, Carassius auratus', 'Egyptian cat']);
      assert.deepEqual(
        Object.entries(dataset.splits).map(([split, items]) => [
          split,
          items.map(({ id, labels, box }) => [id, labels[0], box && [box.x, box.y, box.width, box.height]]),
        ]),
        [
          [
            'train',
            [
              [`train/${FISH}/images/${FISH}_0.JPEG`, 'goldfish, Carassius auratus', [1, 2, 3, 3]],
              [`train/${FISH}/images/${FISH}_1.JPEG`, 'goldfish, Carassius auratus', [0, 0, 64, 64]],
              [`train/${CAT}/images/${CAT}_0.JPEG`, 'Egyptian cat', [0, 10, 64, 49]],
            ],
          ],
          [
            'val',
            [
              ['val/images/val_0.JPEG', 'goldfish, Carassius auratus', [0, 32, 45, 31]],
              ['val/images/val_1.JPEG', 'Egyptian cat', [5, 6, 3, 3]],
            ],
          ],
          ['test', [['test/images/test_0.JPEG', undefined, undefined]]],
        ],
      );
      assert.deepEqual(dataset.strays, []);
    }));

  it('is recognised under other names and in a folder of another name', () =>
    withFolder(async (root) => {
      await published(root);
      const whole = await openDataset('tiny-imagenet', root);
      await rename(join(root, 'tiny-imagenet-200'), join(root, 'tiny'));
      const moved = join(root, 'tiny');
      for (const name of ['tiny-imagenet', 'imagenet', 'folder']) {
        const { classes, splits, name: found } = await openDataset(name, moved);
        assert.equal(found, 'tiny-imagenet', name);
        assert.deepEqual(classes, whole.classes);
        assert.deepEqual(Object.keys(splits), ['train', 'val', 'test']);
      }
    }));

  it('reads validation images that were sorted into class folders, and no level images', () =>
    withFolder(async (root) => {
      await published(root);
      const top = join(root, 'tiny-imagenet-200');
      await write(top, { [`val/${FISH}/val_0.JPEG`]: 'x', [`val/${CAT}/images/val_1.JPEG`]: 'x' });
      await rm(join(top, 'val', 'images'), { recursive: true });
      await rename(
        join(top, 'train', CAT, 'images', `${CAT}_0.JPEG`),
        join(top, 'train', CAT, `${CAT}_0.JPEG`),
      );
      for (const annotated of [true, false]) {
        if (!annotated) await rm(join(top, 'val', 'val_annotations.txt'));
        const { splits } = await openDataset('imagenet', root);
        assert.deepEqual(
          splits['val']!.map(({ id, labels, box }) => [id, labels, box?.x]),
          [
            [`val/${FISH}/val_0.JPEG`, ['goldfish, Carassius auratus'], annotated ? 0 : undefined],
            [`val/${CAT}/images/val_1.JPEG`, ['Egyptian cat'], annotated ? 5 : undefined],
          ],
        );
        assert.equal(splits['train']!.length, 3);
      }
    }));

  it('names file and line of a malformed row, and an image that is not in the list', () =>
    withFolder(async (root) => {
      await published(root);
      const list = join(root, 'tiny-imagenet-200', 'val', 'val_annotations.txt');
      await writeFile(list, `val_0.JPEG\t${FISH}\t0\t32\t44\t62\n`);
      assert.deepEqual((await openDataset('tiny-imagenet', root)).strays, [
        { path: 'val/images/val_1.JPEG', reason: 'not in val/val_annotations.txt' },
      ]);
      await writeFile(list, `val_0.JPEG\t${FISH}\t0\t32\t44\t62\nval_1.JPEG\tcat\t1\t2\t3\t4\n`);
      await assert.rejects(openDataset('tiny-imagenet', root), {
        message: `Expected an image, a WNID and the corners of a box for ${list} line 2 but received "val_1.JPEG\\tcat\\t1\\t2\\t3\\t4".`,
      });
    }));

  it('is compared with the published counts, classes with the same number in one line', () =>
    withFolder(async (root) => {
      await published(root);
      const { ok, problems } = await checkDataset('folder', root);
      assert.ok(!ok);
      assert.deepEqual(problems, [
        'found 2 classes, expected 200',
        'train: found 3 images, expected 100,000',
        'train: found 2 images in goldfish, Carassius auratus, expected 500',
        'train: found 1 images in Egyptian cat, expected 500',
        'val: found 2 images, expected 10,000',
        'val: found 1 images in each of the 2 classes, expected 50',
        'test: found 1 images, expected 10,000',
      ]);
    }));
});
