// Splits that keep groups of images together: a group is never on both sides.
import type { Split } from '../../src/datasets/splits.js';
import type { Item } from '../../src/datasets/dataset.js';
import { UsageError, option, text } from '../../src/errors.js';
import { Random } from '../../src/random.js';

/** Items by class, and in each class by group, all in code-unit order. */
type Groups = ReadonlyMap<string, ReadonlyMap<string, readonly Item[]>>;

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const groupsOf = (items: readonly Item[], groupOf: (item: Item) => string): Groups => {
  const classes = new Map<string, Map<string, Item[]>>();
  for (const item of [...items].sort((a, b) => byCode(a.id, b.id))) {
    const name = item.labels[0] ?? '';
    const groups = classes.get(name) ?? new Map<string, Item[]>();
    classes.set(name, groups);
    const group = groupOf(item);
    groups.set(group, [...(groups.get(group) ?? []), item]);
  }
  return new Map([...classes].sort(([a], [b]) => byCode(a, b)));
};

/** Takes whole groups in random order until `count` items are together; what is over of the last group goes to neither side. */
const take = (
  groups: ReadonlyMap<string, readonly Item[]>,
  count: number,
  random: Random,
): { taken: Item[]; rest: Item[] } => {
  const taken: Item[] = [];
  const rest: Item[] = [];
  for (const members of random.shuffle([...groups.values()])) {
    if (taken.length >= count) rest.push(...members);
    else taken.push(...random.shuffle(members).slice(0, count - taken.length));
  }
  return { taken, rest };
};

/** A split of grouped items: how many train, how many at most test, which of several with one seed. */
interface GroupedSplitOptions {
  readonly trainPerClass: number;
  readonly testPerClass?: number;
  readonly seed: number;
  readonly index?: number;
  readonly groupOf: (item: Item) => string;
}

/**
 * Draws whole groups of each class at random until `trainPerClass` training images are together; images of the other
 * groups test. Each class has a random stream of its own.
 *
 * @param items items with exactly one label
 * @returns both parts in the order of `items`; they share no group
 * @throws UsageError naming the classes in which no group is left for testing
 */
export const groupedSplit = (items: readonly Item[], options: GroupedSplitOptions): Split => {
  const { trainPerClass, testPerClass = Infinity, seed, index = 0, groupOf } = options;
  const [train, test] = [new Set<Item>(), new Set<Item>()];
  const short: string[] = [];
  for (const [name, groups] of groupsOf(items, groupOf)) {
    const random = new Random(seed, 'grouped split', index, name);
    const { taken, rest } = take(groups, trainPerClass, random);
    if (taken.length < trainPerClass || rest.length === 0) {
      short.push(`"${name}" (${groups.size} groups, ${[...groups.values()].flat().length} images)`);
    }
    taken.forEach((item) => train.add(item));
    random
      .shuffle(rest)
      .slice(0, testPerClass)
      .forEach((item) => test.add(item));
  }
  if (short.length > 0) {
    throw new UsageError(
      text`Expected groups for ${trainPerClass} training images and another group to test in each class, but too few are in ${short.slice(0, 5).join(', ')}${short.length > 5 ? ` and ${short.length - 5} more` : ''}. Give a smaller ${option('trainPerClass')} or more images.`,
    );
  }
  return { train: items.filter((item) => train.has(item)), test: items.filter((item) => test.has(item)) };
};

/** Groups by stratum: the rarest class among a group's items, so that rare classes are shared out first. */
const strataOf = (items: readonly Item[], groupOf: (item: Item) => string): Map<string, Item[][]> => {
  const counts = new Map<string, number>();
  for (const label of items.flatMap(({ labels }) => labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  const groups = new Map<string, Item[]>();
  for (const item of [...items].sort((a, b) => byCode(a.id, b.id))) {
    const name = groupOf(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  const strata = new Map<string, Item[][]>();
  for (const group of groups.values()) {
    const labels = [...new Set(group.flatMap((item) => item.labels))];
    const [rarest = ''] = labels.sort((a, b) => counts.get(a)! - counts.get(b)! || byCode(a, b));
    const stratum = strata.get(rarest);
    if (stratum) stratum.push(group);
    else strata.set(rarest, [group]);
  }
  return new Map([...strata].sort(([a], [b]) => byCode(a, b)));
};

/**
 * Sets whole groups aside until about `share` of the items of each stratum are: the validation part of a split. A group
 * is on one side whatever labels its items have (persons of one image are of several classes); its stratum is its
 * rarest class. A stratum of one group keeps it and has no validation image.
 */
export const setGroupsAside = (
  items: readonly Item[],
  share: number,
  groupOf: (item: Item) => string,
  seed: number,
  index = 0,
): { rest: Item[]; aside: Item[] } => {
  const aside = new Set<Item>();
  for (const [name, groups] of strataOf(items, groupOf)) {
    const wanted = share * groups.reduce((sum, { length }) => sum + length, 0);
    const shuffled = new Random(seed, 'groups aside', index, name).shuffle(groups);
    let count = 0;
    for (const members of shuffled.slice(0, -1)) {
      if (count >= wanted) break;
      members.forEach((item) => aside.add(item));
      count += members.length;
    }
  }
  return { rest: items.filter((item) => !aside.has(item)), aside: items.filter((item) => aside.has(item)) };
};
