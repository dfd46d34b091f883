// Boxes in every form of data set that has them, and what is wrong with boxes.
import assert from 'node:assert/strict';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataset } from '../../src/datasets/open.js';
import { withFolder } from '../support.js';
import { AS_VOC, type Drawing, drawings, forms, xmlOf } from '../localisation/forms.js';

const opened = (root: string, dataset: string) => openDataset(dataset, root, { boxes: true, cache: root });

describe('boxes of data sets', () => {
  let all: Drawing[];
  before(async () => {
    all = await drawings(2, 1);
  });

  for (const [name, { dataset, make }] of Object.entries(forms)) {
    it(`${name}: every image has its box and its class`, () =>
      withFolder(async (root) => {
        await make(root, all);
        const { splits } = await opened(root, dataset);
        for (const split of ['train', 'val'] as const) {
          const found = splits[split]!.map(({ labels, boxes }) => JSON.stringify([labels, boxes]));
          const wanted = all
            .filter((each) => each.split === split)
            .map(({ wnid, corners: [left, top, right, bottom] }) => {
              const label = dataset === 'voc2007' ? AS_VOC[wnid]! : wnid;
              const box = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
              return JSON.stringify([[label], [{ label, box }]]);
            });
          assert.deepEqual(found.sort(), wanted.sort());
        }
        const plain = await openDataset(dataset, root, { cache: root });
        assert.ok(plain.items().every(({ boxes }) => boxes === undefined));
      }));
  }

  it('ILSVRC: archives that were unpacked together, or beside the validation images', async () => {
    const { make } = forms['ILSVRC, XML in folders']!;
    const count = (split: readonly { boxes?: unknown }[] = []) => split.filter(({ boxes }) => boxes).length;
    for (const [train, val] of [
      ['Annotation', 'Annotation/val'],
      ['Annotation', 'val'],
      ['bbox/train', 'bbox_val'],
    ] as const) {
      await withFolder(async (root) => {
        await make(root, all);
        const kept = join(root, 'kept');
        await rename(join(root, 'Annotation'), kept);
        await cp(join(kept, 'train'), join(root, train), { recursive: true });
        await cp(join(kept, 'val'), join(root, val), { recursive: true });
        const { splits, strays } = await opened(root, 'imagenet');
        assert.deepEqual(
          [count(splits['train']), count(splits['val']), strays],
          [4, 2, []],
          `${train} ${val}`,
        );
      });
    }
  });

  /** Spoils one file of a form, and gives the refusal. */
  const refusal = (form: string, path: string, change: (text: string) => string): Promise<string> =>
    withFolder(async (root) => {
      const { dataset, make } = forms[form]!;
      await make(root, all);
      const file = join(root, path);
      await writeFile(file, change(await readFile(file, 'utf8')));
      const error: unknown = await opened(root, dataset).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof Error, `${form} takes it`);
      return error.message.replaceAll(root, '');
    });

  it('names file and line of swapped corners and of what is no number, in every form', async () => {
    const swapped = (text: string) => text.replace(/<xmin>\d+/, '<xmin>31');
    const word = (text: string) => text.replace(/<ymax>\d+/, '<ymax>low');
    const train = 'Annotation/train/n02124075/n02124075_1.xml';
    assert.match(
      await refusal('ILSVRC, XML in folders', train, swapped),
      /^Expected a box with xmin <= xmax .* for object 1 of \/Annotation\/train\/n02124075\/n02124075_1\.xml line 4 /,
    );
    assert.match(
      await refusal('VOC', 'VOC2007/Annotations/000001.xml', word),
      /^Expected a number for <ymax> of object 1 of \/VOC2007\/Annotations\/000001\.xml line 4 but received "low"/,
    );
    const lines = {
      'Tiny ImageNet': ['train/n01443537/n01443537_boxes.txt', '\t'],
      'ILSVRC, Kaggle': ['LOC_val_solution.csv', ' '],
      CSV: ['list.csv', ','],
    } as const;
    for (const [form, [path, separator]] of Object.entries(lines)) {
      const spoil = (corners: readonly string[]) => (text: string) => {
        const rows = text.split('\n');
        rows[1] = rows[1]!.trimEnd().split(separator).slice(0, -4).concat(corners).join(separator);
        return rows.join('\n');
      };
      const swap = await refusal(form, path, spoil(['9', '1', '3', '2']));
      assert.match(swap, /a box with xmin <= xmax and ymin <= ymax .*received \[9,1,3,2\]\. It has no area/);
      assert.match(
        swap,
        new RegExp(`${path.replace('.', '\\.')} line 2|line 2 of /${path.replace('.', '\\.')}`),
      );
      assert.match(
        await refusal(form, path, spoil(['1', 'x', '3', '4'])),
        /a number for each corner .*line 2/,
      );
    }
  });

  it('names the XML of another image, and the line', async () => {
    const other = () => xmlOf('n02124075_3', 'n02124075', [1, 2, 3, 4], 0);
    assert.match(
      await refusal('ILSVRC, XML in folders', 'Annotation/train/n02124075/n02124075_1.xml', other),
      /^Expected the annotation of train\/n02124075\/n02124075_1\.JPEG for <filename> of .*_1\.xml line 2 but received "n02124075_3"/,
    );
    assert.match(
      await refusal('VOC', 'VOC2007/Annotations/000002.xml', () =>
        xmlOf('000001.jpg', 'cat', [1, 2, 3, 4], 1),
      ),
      /^Expected the annotation of VOC2007\/JPEGImages\/000002\.jpg .*000002\.xml line 2 but received "000001\.jpg"/,
    );
  });

  it('passes over annotations without their image, by file and line', async () => {
    const gone: Readonly<Record<string, [image: string, annotation: RegExp]>> = {
      'ILSVRC, XML in folders': ['train/n02124075/n02124075_1.JPEG', /n02124075_1\.xml$/],
      'ILSVRC, original archives': ['train/n02124075/n02124075_1.JPEG', /n02124075_1\.xml in .*v2\.tar\.gz$/],
      'ILSVRC, Kaggle': [
        'ILSVRC/Data/CLS-LOC/train/n02124075/n02124075_1.JPEG',
        /LOC_train_solution\.csv line 2$/,
      ],
      'Tiny ImageNet': ['train/n02124075/images/n02124075_1.JPEG', /n02124075_boxes\.txt line 1$/],
    };
    for (const [form, [image, annotation]] of Object.entries(gone)) {
      await withFolder(async (root) => {
        const { dataset, make } = forms[form]!;
        await make(root, all);
        await rm(join(root, image));
        const [stray, ...others] = (await opened(root, dataset)).strays;
        assert.deepEqual(others, [], form);
        assert.match(stray!.path, annotation);
        assert.match(stray!.reason, /annotation of an image that is not there, n02124075_1/);
      });
    }
  });

  it('refuses a data set without boxes, and a table without their columns', () =>
    withFolder(async (root) => {
      await writeFile(join(root, 'list.csv'), 'path,label\nlist.csv,a\n');
      await assert.rejects(opened(root, 'csv'), /Expected a column "xmin" for .*list\.csv/);
      const { make } = forms['ILSVRC, XML in folders']!;
      await make(root, all);
      await rm(join(root, 'Annotation'), { recursive: true });
      await assert.rejects(opened(root, 'imagenet'), /Expected boxes in .* but found none: ILSVRC2012_bbox/);
    }));
});
