// Seeded stratified splits: sizes, independence, repeatability, refusals.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Item } from '../../src/datasets/dataset.js';
import { setAside, stratifiedSplit } from '../../src/datasets/splits.js';
import { UsageError } from '../../src/errors.js';

/** Items of classes with the given sizes: class "a" has the first size, "b" the second… */
const itemsOf = (...sizes: readonly number[]): Item[] =>
  sizes.flatMap((size, c) =>
    Array.from({ length: size }, (_, i) => {
      const label = String.fromCharCode(97 + c);
      const id = `${label}/${String(i).padStart(3, '0')}.jpg`;
      return { id, path: id, source: { file: `/${id}` }, labels: [label] };
    }),
  );

const counts = (items: readonly Item[]): Record<string, number> => {
  const result: Record<string, number> = {};
  for (const { labels } of items) result[labels[0]!] = (result[labels[0]!] ?? 0) + 1;
  return result;
};

const ids = (items: readonly Item[]): string => items.map(({ id }) => id).join();

describe('stratifiedSplit', () => {
  it('gives each class its training images and at most so many test images', () => {
    const { train, test } = stratifiedSplit(itemsOf(31, 100, 40), {
      trainPerClass: 30,
      testPerClass: 50,
      seed: 1,
    });
    assert.deepEqual(counts(train), { a: 30, b: 30, c: 30 });
    assert.deepEqual(counts(test), { a: 1, b: 50, c: 10 });
  });

  it('shares nothing, leaves nothing out, and keeps the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 4, max: 12 }), { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        (sizes, trainPerClass, seed) => {
          const items = itemsOf(...sizes);
          const { train, test } = stratifiedSplit(items, { trainPerClass, seed });
          assert.equal(ids([...train, ...test].sort((a, b) => (a.id < b.id ? -1 : 1))), ids(items));
          assert.equal(ids(train), ids(items.filter((item) => train.includes(item))));
        },
      ),
    );
  });

  it('repeats with the seed, whatever the order of the items; differs with seed and index', () => {
    const items = itemsOf(20, 20);
    const draw = (list: Item[], seed: number, index: number): string =>
      ids(
        [...stratifiedSplit(list, { trainPerClass: 5, seed, index }).train].sort((a, b) =>
          a.id < b.id ? -1 : 1,
        ),
      );
    assert.equal(draw(items, 1, 0), draw([...items].reverse(), 1, 0));
    assert.equal(new Set([draw(items, 1, 0), draw(items, 1, 1), draw(items, 2, 0)]).size, 3);
  });

  it('draws a class the same beside other classes', () => {
    const of = (items: Item[]): string =>
      ids(
        stratifiedSplit(items, { trainPerClass: 5, seed: 3 }).train.filter(({ labels }) => labels[0] === 'a'),
      );
    assert.equal(of(itemsOf(20, 9)), of(itemsOf(20, 12, 7)));
  });

  it('draws each image equally often', () => {
    const items = itemsOf(10, 4);
    const drawn = new Map<string, number>();
    for (let seed = 0; seed < 2000; seed++) {
      for (const { id } of stratifiedSplit(items, { trainPerClass: 3, seed }).train) {
        drawn.set(id, (drawn.get(id) ?? 0) + 1);
      }
    }
    // 3 of 10: 600 expected, standard deviation 20.5; 3 of 4: 1500, 19.4
    for (const [id, count] of drawn) {
      assert.ok(Math.abs(count - (id.startsWith('a') ? 600 : 1500)) < 100, `${id} ${count}`);
    }
  });

  it('names the classes that are too small, and refuses one class and bad numbers', () => {
    const wrong = (items: Item[], trainPerClass: number, message: RegExp): void => {
      assert.throws(
        () => stratifiedSplit(items, { trainPerClass, seed: 1 }),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    };
    wrong(
      itemsOf(5, 3, 6, 5),
      5,
      /at least 6 images .* trainPerClass 5 .* in "a" \(5\), "b" \(3\), "d" \(5\)\. Give/,
    );
    wrong(itemsOf(1, 1, 1, 1, 1, 1, 1), 3, /"e" \(1\) and 2 more\./);
    wrong(itemsOf(5), 2, /Expected images of at least two classes for a split but received \["a"\]/);
    wrong(itemsOf(5, 5), 0, /for trainPerClass but received 0\./);
    const two = [...itemsOf(3, 3), { id: 'z', path: 'z.jpg', source: { file: '/z' }, labels: ['a', 'b'] }];
    wrong(two, 1, /Expected one label for z\.jpg but received \["a","b"\]\./);
  });
});

describe('setAside', () => {
  it('takes a fifth of each class: 6 of 30, 12 of 60', () => {
    const { rest, aside } = setAside(itemsOf(30, 60), 0.2, 1);
    assert.deepEqual(counts(aside), { a: 6, b: 12 });
    assert.deepEqual(counts(rest), { a: 24, b: 48 });
  });

  it('takes one of two at least, and nothing of one', () => {
    const { rest, aside } = setAside(itemsOf(1, 2, 3), 0.1, 1);
    assert.deepEqual(counts(aside), { b: 1, c: 1 });
    assert.deepEqual(counts(rest), { a: 1, b: 1, c: 2 });
    assert.deepEqual(counts(setAside(itemsOf(1, 2, 3), 0.99, 1).rest), { a: 1, b: 1, c: 1 });
  });

  it('treats a set of labels as a class of its own, and repeats with the seed', () => {
    const items = itemsOf(10, 10).map((item, i) => (i % 2 ? item : { ...item, labels: ['a', 'b'] }));
    const first = setAside(items, 0.2, 5);
    assert.equal(first.aside.filter(({ labels }) => labels.length === 2).length, 2);
    assert.equal(first.aside.length, 4);
    assert.deepEqual(setAside(items, 0.2, 5), first);
    assert.notDeepEqual(setAside(items, 0.2, 6), first);
    assert.throws(() => setAside(items, 1, 5), UsageError);
  });
});
