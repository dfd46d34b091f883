// The items of a data set: those of one split, or all, each once.
import { expected, option } from '../errors.js';
import type { Dataset, Item } from './dataset.js';
import { splitNameOf } from './split-names.js';

/** The result of {@link openDataset}: the data set, with access to its items by split. */
export interface OpenedDataset extends Dataset {
  /**
   * The items of a split; without a name all items, each once (official splits may overlap), in the order of the splits.
   *
   * @throws UsageError naming the splits there are, when this one is missing or empty
   */
  items(split?: string): readonly Item[];
}

/**
 * The items of one split.
 *
 * @throws UsageError naming the splits there are, when this one is missing or empty
 */
export const splitOf = (dataset: Pick<Dataset, 'splits' | 'root'>, split: string): readonly Item[] => {
  // A split may be requested by the data set's own name for it: "valid" is "val".
  const name = Object.hasOwn(dataset.splits, split) ? split : (splitNameOf(split)?.kind ?? split);
  const items = Object.hasOwn(dataset.splits, name) ? dataset.splits[name] : undefined;
  if (items?.length) return items;
  const there = Object.keys(dataset.splits).filter((each) => dataset.splits[each]!.length > 0);
  throw expected(`one of the splits ${there.join(', ')} of ${dataset.root}`, option('split'), split);
};

/** All items of a data set, each once, in the order of its splits: official splits may overlap (VOC's trainval). */
export const allItems = ({ splits }: Pick<Dataset, 'splits'>): Item[] => [
  ...new Map(
    Object.values(splits)
      .flat()
      .map((item) => [item.id, item]),
  ).values(),
];

/** The data set with its items at hand. */
export const opened = (dataset: Dataset): OpenedDataset => ({
  ...dataset,
  items: (split) => (split === undefined ? allItems(dataset) : splitOf(dataset, split)),
});
