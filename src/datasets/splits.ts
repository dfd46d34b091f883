// Seeded random splits, stratified by class: for Caltech-101 and -256, and for validation (paper, appendix B).
import { expected, option, UsageError, text } from '../errors.js';
import { Random } from '../random.js';
import { byCode, onlyLabel } from './common.js';
import type { Item } from './dataset.js';

export interface Split {
  readonly train: readonly Item[];
  readonly test: readonly Item[];
}

export interface SplitOptions {
  /** Training images of each class. */
  readonly trainPerClass: number;
  /** Maximum number of test images per class. Default: all that are left. */
  readonly testPerClass?: number;
  readonly seed: number;
  /** Index of the split among those with the same seed, from 0. */
  readonly index?: number;
}

const MAX_NAMED = 5;

/** Items by stratum. Both are sorted by code units, so that the result does not depend on the input's order. */
const strata = (items: readonly Item[], key: (item: Item) => string): [string, Item[]][] => {
  const groups = new Map<string, Item[]>();
  for (const item of [...items].sort((a, b) => byCode(a.id, b.id))) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return [...groups].sort(([a], [b]) => byCode(a, b));
};

/** The items in `chosen`, in the order of `items`. */
const pick = (items: readonly Item[], chosen: ReadonlySet<Item>): Item[] =>
  items.filter((item) => chosen.has(item));

/**
 * Draws `trainPerClass` training images of each class at random; the others, at most `testPerClass` per class, are test
 * images. Each class has its own random stream: adding a class does not change the draw of the others.
 *
 * @param items items with exactly one label
 * @returns two disjoint parts, in the order of `items`
 * @throws UsageError if there is only one class, or naming the classes with no more than `trainPerClass` images
 */
export const stratifiedSplit = (items: readonly Item[], options: SplitOptions): Split => {
  const { trainPerClass, testPerClass = Infinity, seed, index = 0 } = options;
  if (!Number.isInteger(trainPerClass) || trainPerClass < 1) {
    throw expected('a whole number of at least 1', option('trainPerClass'), trainPerClass);
  }
  const classes = strata(items, onlyLabel);
  if (classes.length < 2) {
    throw expected(
      'images of at least two classes',
      'a split',
      classes.map(([name]) => name),
    );
  }
  const small = classes.filter(([, members]) => members.length <= trainPerClass);
  if (small.length > 0) {
    const named = small.slice(0, MAX_NAMED).map(([name, members]) => `"${name}" (${members.length})`);
    throw new UsageError(
      text`Expected at least ${trainPerClass + 1} images in each class for ${option('trainPerClass')} ${trainPerClass} and a test image, but too few are in ${named.join(', ')}${small.length > MAX_NAMED ? ` and ${small.length - MAX_NAMED} more` : ''}. Give a smaller number or more images.`,
    );
  }
  const [train, test] = [new Set<Item>(), new Set<Item>()];
  for (const [name, members] of classes) {
    const shuffled = new Random(seed, 'split', index, name).shuffle(members);
    shuffled.slice(0, trainPerClass).forEach((item) => train.add(item));
    shuffled.slice(trainPerClass, trainPerClass + testPerClass).forEach((item) => test.add(item));
  }
  return { train: pick(items, train), test: pick(items, test) };
};

/**
 * Holds out a share of each class, such as 20 % of the training images to choose C. A class with two or more images
 * keeps at least one in each part. Items with the same set of labels form one stratum.
 *
 * @param share between 0 and 1; the number per stratum is rounded
 * @returns `rest` and `aside`, in the order of `items`
 */
export const setAside = (
  items: readonly Item[],
  share: number,
  seed: number,
  index = 0,
): { rest: Item[]; aside: Item[] } => {
  if (!(share > 0 && share < 1)) throw expected('a share between 0 and 1', 'setAside', share);
  const [rest, aside] = [new Set<Item>(), new Set<Item>()];
  for (const [name, members] of strata(items, ({ labels }) => labels.join('\u0000'))) {
    const shuffled = new Random(seed, 'aside', index, name).shuffle(members);
    const most = members.length - 1;
    const count = Math.min(most, Math.max(Math.min(1, most), Math.round(members.length * share)));
    shuffled.slice(0, count).forEach((item) => aside.add(item));
    shuffled.slice(count).forEach((item) => rest.add(item));
  }
  return { rest: pick(items, rest), aside: pick(items, aside) };
};
