import assert from 'node:assert/strict';
import { groupedSplit, setGroupsAside } from '../../../benchmarks/protocol/grouped-split.js';
import type { Item } from '../../../src/datasets/dataset.js';

const item = (label: string, group: string, i: number): Item => {
  const path = `${label}/${group}/${i}.png`;
  return { id: path, path, source: { file: path }, labels: [label] };
};
const groupOf = ({ path }: Item) => path.split('/').slice(0, 2).join('/');
const items = ['animals', 'food'].flatMap((label) =>
  Array.from({ length: 10 }, (_, g) =>
    Array.from({ length: 1 + (g % 4) }, (_, i) => item(label, `g${g}`, i)),
  ).flat(),
);

describe('grouped split', () => {
  it('never has a group on both sides, and has exactly the training images asked for', () => {
    for (let index = 0; index < 20; index++) {
      const { train, test } = groupedSplit(items, { trainPerClass: 7, seed: 3, index, groupOf });
      const trained = new Set(train.map(groupOf));
      assert.ok(!test.some((it) => trained.has(groupOf(it))));
      for (const label of ['animals', 'food']) {
        assert.equal(train.filter(({ labels }) => labels[0] === label).length, 7);
        assert.ok(test.some(({ labels }) => labels[0] === label));
      }
    }
  });

  it('is the same for the same seed, whatever the order of the items, and another for another index', () => {
    const ids = (list: readonly Item[], index: number) =>
      groupedSplit(list, { trainPerClass: 7, seed: 3, index, groupOf })
        .train.map(({ id }) => id)
        .sort();
    assert.deepEqual(ids([...items].reverse(), 0), ids(items, 0));
    assert.notDeepEqual(ids(items, 1), ids(items, 0));
  });

  it('leaves at most the number of test images asked for', () => {
    const { test } = groupedSplit(items, { trainPerClass: 7, testPerClass: 2, seed: 1, groupOf });
    assert.equal(test.length, 4);
  });

  it('names a class in which no group is left to test', () => {
    assert.throws(
      () =>
        groupedSplit([...items, item('plants', 'only', 0), item('plants', 'only', 1)], {
          trainPerClass: 1,
          seed: 1,
          groupOf,
        }),
      /"plants" \(1 groups, 2 images\)/,
    );
  });

  it('sets whole groups aside, at least one and never all', () => {
    const { rest, aside } = setGroupsAside(items, 0.2, groupOf, 5);
    const kept = new Set(rest.map(groupOf));
    assert.equal(rest.length + aside.length, items.length);
    assert.ok(!aside.some((it) => kept.has(groupOf(it))));
    for (const label of ['animals', 'food']) {
      const share = aside.filter(({ labels }) => labels[0] === label).length / (items.length / 2);
      assert.ok(share >= 0.2 && share < 0.4, `${label} ${share}`);
    }
    const single = [item('a', 'g', 0), item('a', 'g', 1)];
    assert.deepEqual(setGroupsAside(single, 0.9, groupOf, 1).aside, []);
  });

  it('sets persons of one image aside together, whatever their labels', () => {
    const labels = [['jumping'], ['reading', 'phoning'], [], ['running'], ['phoning']];
    const persons = Array.from({ length: 600 }, (_, i): Item => {
      const id = `${String(i >> 2).padStart(4, '0')}#${i % 4}`;
      return { id, path: id, source: { file: id }, labels: labels[(i * 7 + (i >> 3)) % labels.length]! };
    });
    const image = ({ id }: Item): string => id.split('#')[0]!;
    const { rest, aside } = setGroupsAside(persons, 0.2, image, 1);
    const trained = new Set(rest.map(image));
    assert.equal(aside.filter((person) => trained.has(image(person))).length, 0);
    assert.ok(aside.length > 90 && aside.length < 180, `${aside.length} of 600`);
    for (const name of ['jumping', 'reading', 'phoning', 'running']) {
      const has = (item: Item): boolean => item.labels.includes(name);
      const share = aside.filter(has).length / persons.filter(has).length;
      assert.ok(share > 0.1 && share < 0.35, `${name}: ${share}`);
    }
  });
});
