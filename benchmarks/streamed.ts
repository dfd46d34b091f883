// Descriptors of some items as rows that are streamed from disk, in the order in which they lie there.
import type { RowSource } from '../src/classifiers/rows.js';
import type { Item } from '../src/datasets/dataset.js';
import type { Descriptors } from './descriptors.js';

/** Rows in the order of the first store, and the items that they are of. */
export interface Streamed<T> {
  readonly items: readonly T[];
  readonly source: RowSource;
}

/**
 * The items in the order in which the first store has them, so that a pass reads every part of it once. All items must
 * have a descriptor.
 */
export const streamed = <T extends Pick<Item, 'id'>>(
  descriptors: Descriptors,
  items: readonly T[],
): Streamed<T> => {
  const wanted = new Map(items.map((item) => [item.id, item]));
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
