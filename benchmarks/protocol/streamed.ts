// Descriptors of some items as rows that are streamed from disk, in their order there.
import type { RowSource } from '../../src/classifiers/rows.js';
import type { Item } from '../../src/datasets/dataset.js';
import { expected } from '../../src/errors.js';
import type { Descriptors } from './descriptors.js';

/** Rows in the order of the first store, and the items that they are of. */
interface Streamed<T> {
  readonly items: readonly T[];
  readonly source: RowSource;
}

/**
 * The items in the order in which the first store has them, so that a pass reads every part of it once. All items must
 * have a descriptor.
 *
 * @throws UsageError naming an item that is there twice
 */
export const streamed = <T extends Pick<Item, 'id'>>(
  descriptors: Descriptors,
  items: readonly T[],
): Streamed<T> => {
  const wanted = new Map(items.map((item) => [item.id, item]));
  if (wanted.size < items.length) {
    const twice = items.find((item) => wanted.get(item.id) !== item)!;
    throw expected('every image once', 'the training images', twice.id, 'Correct the lists of the data set.');
  }
  const groups = (descriptors.stores[0]?.parts ?? [])
    .map(({ ids }) => ids.flatMap((id) => wanted.get(id) ?? []))
    .filter(({ length }) => length > 0);
  const ordered = groups.flat();
  return {
    items: ordered,
    source: {
      rows: ordered.length,
      columns: descriptors.columns,
      async *batches() {
        for (const group of groups) yield { matrix: await descriptors.read(group) };
      },
    },
  };
};
