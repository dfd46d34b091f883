// The published data sets themselves, below the folder that VERYDEEP_DATA names: what is there is checked, the rest skipped.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkDataset } from '../../src/datasets/check.js';
import { openDataset } from '../../src/datasets/open.js';

const DATA = process.env['VERYDEEP_DATA'] ?? '';

/** A test of a folder below VERYDEEP_DATA; skipped where it is not there. */
const on = (name: string, folder: string, test: (path: string) => Promise<void>): void => {
  it(name, async function () {
    if (DATA === '' || !existsSync(join(DATA, folder))) this.skip();
    await test(join(DATA, folder));
  }).timeout(300_000);
};

/** The problems of a copy of VOC without its images: that they are missing, once. */
const onlyImagesMissing = async (name: string, root: string, images: number): Promise<void> => {
  const { problems, remarks } = await checkDataset(name, root);
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0]!, new RegExp(`^${images} of ${images} images of .*JPEGImages are missing: `));
  assert.deepEqual(remarks, []);
};

describe('published data sets', () => {
  on('Caltech-101 agrees', 'caltech101', async (root) => {
    const { ok, problems } = await checkDataset('caltech101', root);
    assert.ok(ok, problems.join('\n'));
  });

  on('VOC-2012 actions: 3,134, 3,144 and 6,278 persons', 'voc-annotations', async (root) => {
    const { splits, classes, remarks } = await openDataset('voc2012-action', root, { missingImages: true });
    assert.deepEqual(
      Object.entries(splits).map(([split, items]) => [split, items.length]),
      [
        ['train', 3134],
        ['val', 3144],
        ['trainval', 6278],
      ],
    );
    assert.deepEqual([classes.length, remarks], [10, undefined]);
    // Nobody jumps in an image that `jumping` leaves out.
    const early = splits['trainval']!.filter(({ id }) => id.startsWith('2010_'));
    assert.equal(early.length, 608);
    assert.ok(early.every(({ labels }) => !labels.includes('jumping')));
    assert.ok(early.every(({ ignored = [] }) => !ignored.includes('jumping')));
    await onlyImagesMissing('voc2012-action', root, 4588);
  });

  on('VOC-2012 and VOC-2007 lack their images and nothing else', 'voc-annotations', async (root) => {
    await onlyImagesMissing('voc2012', root, 11_540);
    await onlyImagesMissing('voc2007', root, 9963);
  });

  on('Tiny ImageNet is read under three names', 'tiny-imagenet-200', async (root) => {
    const whole = await openDataset('tiny-imagenet', root);
    assert.equal(whole.classes.length, 200);
    assert.ok(whole.classes.includes('goldfish, Carassius auratus'));
    for (const name of ['imagenet', 'folder']) {
      const { name: found, splits } = await openDataset(name, root);
      assert.equal(found, 'tiny-imagenet');
      for (const split of ['train', 'val']) assert.equal(splits[split]!.length, whole.splits[split]!.length);
    }
    assert.ok(
      whole.splits['train']!.every(({ box }) => box && box.x + box.width <= 64 && box.y + box.height <= 64),
    );
  });
});
