// Descriptors on disk by image: rows of the items asked for, stacked over several nets, read a part at a time.
import type { Item } from '../../src/datasets/dataset.js';
import { expected, option, UsageError, VerydeepError, text } from '../../src/errors.js';
import type { Features } from '../../src/features/store/features.js';
import { openFeatures } from '../../src/features/store/reader.js';
import type { NetIdentity, Recipe } from '../../src/features/store/recipe.js';
import { type Matrix, divideByNorm, stackColumns } from '../../src/matrix.js';
import type { Skipped } from '../../src/progress.js';

/** Descriptors of images, each the stack of one net's or several nets' (late fusion, appendix B). */
export interface Descriptors {
  /** Recipe of each stack of nets, and the hash that names all of them together. */
  readonly recipes: readonly Recipe[];
  readonly hash: string;
  readonly nets: readonly NetIdentity[];
  readonly engine: string;
  /** The layer taken of each store. */
  readonly layers: readonly string[];
  /** Numbers of a descriptor. */
  readonly columns: number;
  /** Images without a descriptor, with the reason. */
  readonly skipped: readonly Skipped[];
  /** The stores, for what they know of images. */
  readonly stores: readonly Features[];
  has(id: string): boolean;
  /** SHA-256 of the image's file when it was described. */
  sha256(id: string): string | undefined;
  /** [items, columns]. @throws UsageError naming an image whose descriptor is not finite */
  read(items: readonly Pick<Item, 'id'>[]): Promise<Matrix>;
}

/** A row of a store: of which part, and which row of it. */
interface Address {
  readonly part: number;
  readonly row: number;
}

const addressesOf = (store: Features): Map<string, Address> =>
  new Map(
    store.parts.flatMap(({ ids }, part) => ids.map((id, row): [string, Address] => [id, { part, row }])),
  );

/** Refuses a descriptor that is not finite, in training and in testing, by the name of its image. */
const checkDescriptors = ({ columns, data }: Matrix, items: readonly Pick<Item, 'id'>[]): void => {
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw expected(
      'finite numbers',
      `the descriptor of ${items[Math.floor(i / columns)]!.id}, column ${i % columns}`,
      data[i],
      'Extract this image again, or leave it out.',
    );
  }
};

/** Copies rows of one store into their columns of the result; a part is read once. */
const fill = async (
  store: Features,
  addresses: ReadonlyMap<string, Address>,
  layer: string,
  items: readonly Pick<Item, 'id'>[],
  result: Matrix,
  column: number,
): Promise<void> => {
  const wanted = new Map<number, [row: number, target: number][]>();
  items.forEach(({ id }, target) => {
    const address = addresses.get(id);
    if (!address) throw new VerydeepError(`There is no descriptor of ${id}.`);
    const rows = wanted.get(address.part) ?? [];
    rows.push([address.row, target]);
    wanted.set(address.part, rows);
  });
  for (const [part, rows] of wanted) stackColumns(result, column, await store.readPart(part, layer), rows);
};

/** The layer to take: the one asked for, else fc7, else the only one there is. */
const layerOf = (store: Features, asked: string | undefined): string => {
  const layer = asked ?? (store.layers.includes('fc7') || store.layers.length > 1 ? 'fc7' : store.layers[0]!);
  if (!store.layers.includes(layer)) {
    throw expected(
      `one of ${store.layers.join(', ')}`,
      option('layer'),
      layer,
      'These are in the descriptors on disk.',
    );
  }
  return layer;
};

/** Descriptors from stores of different nets or recipes, stacked in the order given. */
export const stackedStores = (stores: readonly Features[], asked?: string): Descriptors => {
  const layers = stores.map((store) => layerOf(store, asked));
  const addresses = stores.map(addressesOf);
  const columns = stores.reduce((sum, store, i) => sum + store.columns(layers[i]!), 0);
  const known = stores.map((store) => new Map(store.ids.map((id, row) => [id, store.sha256[row]!])));
  return {
    recipes: stores.map(({ recipe }) => recipe),
    hash: stores.map(({ hash }) => hash).join('+'),
    nets: stores.flatMap(({ nets }) => nets),
    engine: [...new Set(stores.map(({ engine }) => engine))].join(', '),
    layers,
    columns,
    skipped: [
      ...new Map(stores.flatMap(({ skipped }) => skipped.map((entry) => [entry.id, entry]))).values(),
    ],
    stores,
    has: (id) => addresses.every((map) => map.has(id)),
    sha256: (id) => known[0]?.get(id),
    read: async (items) => {
      const result = { rows: items.length, columns, data: new Float32Array(items.length * columns) };
      let column = 0;
      for (const [i, store] of stores.entries()) {
        await fill(store, addresses[i]!, layers[i]!, items, result, column);
        column += store.columns(layers[i]!);
      }
      checkDescriptors(result, items);
      return result;
    },
  };
};

/**
 * Opens folders of descriptors. Folders of one recipe and the same nets are one store of more images; folders of
 * different ones are stacked, image by image, in the order given.
 *
 * @throws UsageError when a folder holds no descriptors or lacks the layer
 */
export const openDescriptors = async (folders: readonly string[], layer?: string): Promise<Descriptors> => {
  const groups = new Map<string, string[]>();
  for (const folder of folders) {
    const { hash } = await openFeatures([folder]);
    groups.set(hash, [...(groups.get(hash) ?? []), folder]);
  }
  const stores: Features[] = [];
  for (const group of groups.values()) stores.push(await openFeatures(group));
  return stackedStores(stores, layer);
};

/** The same descriptors, each divided by its norm plus `epsilon`. */
export const dividedByNorm = (descriptors: Descriptors, epsilon: number): Descriptors => ({
  ...descriptors,
  read: async (items) => {
    const matrix = await descriptors.read(items);
    divideByNorm(matrix, epsilon);
    return matrix;
  },
});

const MAX_NAMED = 3;

/**
 * Splits items into those with a descriptor and those that extraction skipped.
 *
 * @throws UsageError when there are items that were never extracted
 */
export const describedOf = (
  items: readonly Item[],
  descriptors: Descriptors,
): { described: Item[]; skipped: Skipped[] } => {
  const reasons = new Map(descriptors.skipped.map((entry) => [entry.id, entry]));
  const described = items.filter(({ id }) => descriptors.has(id));
  const skipped = items.flatMap(({ id }) => reasons.get(id) ?? []);
  const unknown = items.filter(({ id }) => !descriptors.has(id) && !reasons.has(id));
  if (unknown.length > 0) {
    const named = unknown.slice(0, MAX_NAMED).map(({ path }) => path);
    throw new UsageError(
      text`Expected descriptors of all ${items.length} images but ${unknown.length} have none (${named.join(', ')}${unknown.length > MAX_NAMED ? ', …' : ''}). Finish the extraction with ${option('resume')}.`,
    );
  }
  return { described, skipped };
};
