// Classes and groups from the folders of a nested data set: which level is the class, which is kept together.
import type { Dataset, Item } from '../../src/datasets/dataset.js';
import { UsageError, option, text } from '../../src/errors.js';

/**
 * Makes the first `level` folders of a path the class: with level 1, "animals/cat/1.png" is of the class "animals".
 *
 * @param items items with one label, their folder
 * @throws UsageError naming an item that lies less deep
 */
export const atClassLevel = (items: readonly Item[], level: number): Item[] =>
  items.map((item) => {
    const folders = (item.labels[0] ?? '').split('/');
    if (folders.length < level) {
      throw new UsageError(
        text`Expected ${level} folders above each image for ${option('classLevel')} ${level} but found ${item.path}. Choose a smaller level.`,
      );
    }
    return { ...item, labels: [folders.slice(0, level).join('/')] };
  });

/** The folders of an item: those of the class it had in its data set; of a table, those of its path. */
const foldersOf = ({ name }: Pick<Dataset, 'name'>, { path, labels }: Item): string[] =>
  name === 'csv' ? path.split('/').slice(0, -1) : (labels[0] ?? '').split('/');

/** The group of an item: its first `level` folders. */
export const groupAt = (
  dataset: Pick<Dataset, 'name' | 'splits'>,
  level: number,
): ((item: Pick<Item, 'id'>) => string) => {
  const groups = new Map<string, string>();
  for (const item of Object.values(dataset.splits).flat()) {
    groups.set(item.id, foldersOf(dataset, item).slice(0, level).join('/'));
  }
  return ({ id }) => groups.get(id) ?? id;
};
