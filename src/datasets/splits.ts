// Seeded random splits, class by class: the protocols of Caltech-101 and -256, and validation parts (paper, appendix B).
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
  /** At most so many test images of each class; all others where missing. */
  readonly testPerClass?: number;
  readonly seed: number;
  /** Which of several splits with the same seed, from 0. */
  readonly index?: number;
}

const MAX_NAMED = 5;

/** Items by stratum, both in code-unit order, so that the order they came in does not matter. */
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

/** `items` that are in `chosen`, in the order of `items`. */
const pick = (items: readonly Item[], chosen: ReadonlySet<Item>): Item[] =>
  items.filter((item) => chosen.has(item));

/**
 * Draws `trainPerClass` training images of each class at random, and the others (at most `testPerClass`) as test images.
 * Each class has a random stream of its own: adding a class leaves the draw of the others as it was.
 *
 * @param items items with exactly one label
 * @returns both parts in the order of `items`; they share no item
 * @throws UsageError when there is only one class, or when a class has not more images than `trainPerClass`: the
 *   message names these classes and their numbers
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
 * Sets a share of each class aside: 20 % of the training images for the choice of C, for instance. At least one image of
 * a class with two or more is set aside and at least one stays. An item with several labels belongs to the stratum of
 * just these labels.
 *
 * @param share between 0 and 1; the number set aside is rounded to the nearest
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
