// Persons and their actions on made-up data: indices over all objects, boxes, several actions, faults with their lines.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VOC_ACTIONS, readVocAction } from '../../src/datasets/voc-action.js';
import { UsageError } from '../../src/errors.js';
import { archived, unpacked, withSpoilt } from './made.js';

const ACTION = 'VOCdevkit/VOC2012/ImageSets/Action';
const ANNOTATIONS = 'VOCdevkit/VOC2012/Annotations';

const wrong = (work: Promise<unknown>, root: string, message: string): Promise<void> =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.message.replaceAll(`${root}/`, ''), message);
    return true;
  });

describe('readVocAction', () => {
  it('reads persons as worked out by hand: a horse before the rider, two actions, one who does none', async () => {
    const root = await unpacked('voc2012');
    const dataset = await readVocAction(root);
    assert.equal(dataset.classes.length, 10);
    assert.ok(!dataset.classes.includes('other'));
    const first = dataset.splits['train']!.slice(0, 3);
    assert.deepEqual(
      first.map(({ id, labels, ignored }) => [id, labels, ignored]),
      [
        ['2010_000001#2', ['ridinghorse'], undefined],
        ['2010_000002#1', ['phoning', 'walking'], undefined],
        ['2010_000002#3', [], undefined],
      ],
    );
    const xml = await readFile(join(root, ANNOTATIONS, '2010_000001.xml'), 'utf8');
    const person = xml.split('<object>')[2]!;
    const corner = (name: string): number => Number(new RegExp(`<${name}>(\\d+)<`).exec(person)![1]);
    assert.deepEqual(first[0]!.box, {
      x: corner('xmin') - 1,
      y: corner('ymin') - 1,
      width: corner('xmax') - corner('xmin') + 1,
      height: corner('ymax') - corner('ymin') + 1,
    });
    assert.ok(first[0]!.box.x >= 32, 'the right half is the rider, not the horse');
  });

  it('has persons of every action and of none in each split with labels', async () => {
    const { splits } = await readVocAction(await unpacked('voc2012'));
    for (const split of ['train', 'val']) {
      const items = splits[split]!;
      for (const action of VOC_ACTIONS)
        assert.ok(
          items.some(({ labels }) => labels.includes(action)),
          action,
        );
      assert.ok(items.some(({ labels }) => labels.length === 0));
    }
    assert.equal(splits['trainval']!.length, splits['train']!.length + splits['val']!.length);
  });

  it('takes the persons of the test list, all actions ignored', async () => {
    const { splits } = await readVocAction(await unpacked('voc2012'));
    assert.equal(splits['test']!.length, 11);
    assert.ok(
      splits['test']!.every(
        ({ labels, ignored, box }) => labels.length === 0 && ignored!.length === 10 && box,
      ),
    );
  });

  it('takes every person of the images where the list names no objects', async () => {
    const { splits } = await readVocAction(await unpacked('voc2012'));
    const imagesOnly = (text: string): string =>
      [...new Set(text.replace(/ \d+$/gm, '').split('\n'))].join('\n');
    const spoils = { [`${ACTION}/test.txt`]: imagesOnly, [`${ACTION}/train.txt`]: imagesOnly };
    await withSpoilt('voc2012', spoils, async (root) => {
      const plain = (lists: typeof splits): unknown =>
        Object.entries(lists).map(([split, items]) => [split, items.map((item) => ({ ...item, source: 0 }))]);
      assert.deepEqual(plain((await readVocAction(root)).splits), plain(splits));
    });
  });

  it('reads the archives in place', async () => {
    const whole = await readVocAction(await unpacked('voc2012'));
    const packed = await readVocAction(await archived('voc2012'));
    for (const [split, items] of Object.entries(whole.splits)) {
      assert.deepEqual(
        packed.splits[split]!.map((item) => ({ ...item, source: 0 })),
        items.map((item) => ({ ...item, source: 0 })),
      );
    }
  });

  const faults: readonly [string, string, (text: string) => string, string][] = [
    [
      'an object index beyond the annotation',
      `${ACTION}/train.txt`,
      (text) => text.replace('2010_000001 2', '2010_000001 3'),
      `Expected an image of ${ACTION}/train.txt for ${ACTION}/jumping_train.txt line 1 but received "2010_000001#2". It belongs to another split.`,
    ],
    [
      'an index that is none',
      `${ACTION}/reading_val.txt`,
      (text) => text.replace(/ \d -1/, ' 0 -1'),
      `Expected an object index, counted from 1, for ${ACTION}/reading_val.txt line 1 but received "0".`,
    ],
    [
      'an annotation of another year',
      `${ANNOTATIONS}/2010_000002.xml`,
      (text) => text.replace('VOC2012', 'VOC2007'),
      `Expected an annotation of VOC2012 for ${ANNOTATIONS}/2010_000002.xml but received "VOC2007". The years are mixed up.`,
    ],
    [
      'an annotation without the indexed object',
      `${ANNOTATIONS}/2010_000002.xml`,
      (text) => text.replace(/<object><name>chair.*\n/, ''),
      `Expected a person as object 3 of ${ANNOTATIONS}/2010_000002.xml for ${ACTION}/jumping_train.txt line 3 but received "only 2 objects".`,
    ],
    [
      'an indexed object that is no person',
      `${ANNOTATIONS}/2010_000001.xml`,
      (text) => text.replace('<name>person', '<name>dog'),
      `Expected a person as object 2 of ${ANNOTATIONS}/2010_000001.xml for ${ACTION}/jumping_train.txt line 1 but received "dog".`,
    ],
  ];
  for (const [what, file, change, message] of faults) {
    it(`names file and line of ${what}`, () =>
      withSpoilt('voc2012', { [file]: change }, (root) => wrong(readVocAction(root), root, message)));
  }

  it('takes a person of an image that an action leaves out as not doing it', () =>
    withSpoilt(
      'voc2012',
      // All made-up images are of 2010: half of the list is gone.
      { [`${ACTION}/jumping_train.txt`]: (text) => text.replace(/^2010_00000[1-5] .*\n/gm, '') },
      async (root) => {
        const whole = await readVocAction(await unpacked('voc2012'));
        const { splits, remarks } = await readVocAction(root);
        assert.deepEqual(
          splits['train']!.map(({ id, labels }) => [id, labels]),
          whole.splits['train']!.map(({ id, labels }) => [
            id,
            /_00000[1-5]#/.test(id) ? labels.filter((name) => name !== 'jumping') : labels,
          ]),
        );
        assert.match(
          remarks!.join(),
          /jumping_train\.txt names \d+ of \d+ persons not at all, from 2010_000001 on/,
        );
      },
    ));

  it('says nothing of an action that leaves out a whole year', () =>
    withSpoilt('voc2012', { [`${ACTION}/jumping_train.txt`]: () => '' }, async (root) => {
      const { splits, remarks } = await readVocAction(root);
      assert.ok(splits['train']!.every(({ labels }) => !labels.includes('jumping')));
      assert.equal(remarks, undefined);
    }));

  it('names a person that an action leaves out while it names another of the same image', () =>
    withSpoilt(
      'voc2012',
      { [`${ACTION}/jumping_train.txt`]: (text) => text.replace(/^2010_000002 +3 .*\n/m, '') },
      (root) =>
        assert.rejects(
          readVocAction(root),
          /Expected a label of 2010_000002#3 .* for .*jumping_train\.txt but received/,
        ),
    ));

  it('reads annotations that name an earlier year of the same data set', () =>
    withSpoilt(
      'voc2012',
      {
        [`${ANNOTATIONS}/2010_000001.xml`]: (text) => text.replace('VOC2012', 'VOC2010'),
        [`${ANNOTATIONS}/2010_000002.xml`]: (text) =>
          text.replace('VOC2012', 'VOC2011').replace(/<size>.*?<\/size>/s, ''),
      },
      async (root) => {
        const whole = await readVocAction(await unpacked('voc2012'));
        assert.equal((await readVocAction(root)).splits['train']!.length, whole.splits['train']!.length);
      },
    ));

  it('names a missing annotation', () =>
    withSpoilt('voc2012', { [`${ANNOTATIONS}/2010_000001.xml`]: undefined }, (root) =>
      wrong(
        readVocAction(root),
        root,
        `Expected an annotation for ${ANNOTATIONS}/2010_000001.xml but received "no such file".`,
      ),
    ));

  it('names a missing action file', () =>
    withSpoilt('voc2012', { [`${ACTION}/walking_train.txt`]: undefined }, (root) =>
      wrong(
        readVocAction(root),
        root,
        `Expected a file of labels for each of the 10 actions for ${ACTION}/walking_train.txt but received "no such file". Unpack the archive again.`,
      ),
    ));
});
