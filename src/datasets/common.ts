// Shared by the readers of data sets: order, required folders, checks of the classes.
import { readdir, stat } from 'node:fs/promises';
import { type OptionName, UsageError, codeOf, expected, option, text } from '../errors.js';
import { isDescriptorFile } from '../io/output-folder.js';
import { readReason, sentence } from '../io/readable.js';
import type { Dataset, Item } from './dataset.js';

/** Refuses a folder of descriptors given for one of images. @throws UsageError saying where to give it */
export const refuseDescriptors = async (
  folder: string,
  where: OptionName | string = option('data'),
): Promise<void> => {
  const names = await readdir(folder).catch(() => []);
  if (!names.some(isDescriptorFile)) return;
  throw expected(
    'images',
    where,
    folder,
    text`It holds descriptors that \`verydeep extract\` wrote; \`verydeep evaluate\` takes them with ${option('features')}.`,
  );
};

const AT_ONCE = 32;

/** The results of `work` on each value, in order; a few are under way at a time. */
export const inBlocks = async <T, R>(values: readonly T[], work: (value: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  for (let i = 0; i < values.length; i += AT_ONCE) {
    results.push(...(await Promise.all(values.slice(i, i + AT_ONCE).map(work))));
  }
  return results;
};

/** Order of ids and classes: by code unit, the same on every machine and in every language. */
export const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Sorts items by id. */
export const sorted = (items: Iterable<Item>): Item[] => [...items].sort((a, b) => byCode(a.id, b.id));

/** The usual splits in display order; others follow. */
const ORDER = ['train', 'val', 'trainval', 'test'];

const rankOf = (split: string): number => (ORDER.includes(split) ? ORDER.indexOf(split) : ORDER.length);

/** Items by split, sorted by id in each. */
export const bySplit = (items: Iterable<readonly [split: string, item: Item]>): Record<string, Item[]> => {
  const splits = new Map<string, Item[]>();
  for (const [split, item] of items) {
    const list = splits.get(split);
    if (list) list.push(item);
    else splits.set(split, [item]);
  }
  const inOrder = [...splits].sort(([a], [b]) => rankOf(a) - rankOf(b) || byCode(a, b));
  return Object.fromEntries(inOrder.map(([split, list]) => [split, sorted(list)]));
};

/**
 * Makes sure that a folder exists.
 *
 * @param where the option that named it, for the message
 */
export const requireFolder = async (
  folder: string,
  where: OptionName | string = option('data'),
): Promise<void> => {
  try {
    if ((await stat(folder)).isDirectory()) return;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw expected('an existing folder', where, folder);
    throw expected('an existing folder', where, folder, sentence(readReason(error)));
  }
  const isTable = /\.(csv|tsv)$/i.test(folder);
  throw expected('a folder', where, folder, `It is a file${isTable ? '; a table is read as csv' : ''}.`);
};

/**
 * Requires labels, for what trains or tests classifiers.
 *
 * @throws UsageError saying why no image of the data set has one, and what to do
 */
export const requireLabels = ({ root, unlabelled }: Pick<Dataset, 'root' | 'unlabelled'>): void => {
  if (unlabelled === undefined) return;
  const { reason, advice } = unlabelled;
  throw new UsageError(
    text`Expected labelled images${root === '' ? '' : ` in ${root}`} but no image has a label: ${reason}. ${advice}`,
  );
};

/**
 * Requires labels of at least two classes.
 *
 * @throws UsageError naming the data set's folder when it has fewer than two classes
 */
export const requireClasses = (dataset: Pick<Dataset, 'root' | 'classes' | 'unlabelled'>): void => {
  requireLabels(dataset);
  if (dataset.classes.length >= 2) return;
  throw expected(
    'at least two classes',
    dataset.root,
    dataset.classes,
    'A classifier needs images of another class, in a folder of their own.',
  );
};

/**
 * The one class of an item of a single-label data set.
 *
 * @throws UsageError naming the item when it has no or several labels
 */
export const onlyLabel = (item: Item): string => {
  const [label] = item.labels;
  if (label === undefined || item.labels.length > 1) throw expected('one label', item.path, item.labels);
  return label;
};
