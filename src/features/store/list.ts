// The list of images of a store: sorted, hashed, and split into fixed parts, which are distributed over
// shards.
import type { Item } from '../../datasets/dataset.js';
import { UsageError, expected, option, text } from '../../errors.js';
import { sha256 } from '../../io/files.js';
import type { Recipe } from './recipe.js';
import { PART_SIZE, partCount } from './store.js';

/** A share of the parts: those p with p mod count = index. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export interface ImageList {
  /** Sorted by id, by the order of UTF-16 units, so that every machine sorts alike. */
  readonly items: readonly Item[];
  /** Hash of ids, paths, labels and boxes. */
  readonly hash: string;
  readonly parts: number;
}

/** A box as stored and compared. */
export const boxNumbers = ({ box }: Pick<Item, 'box'>): number[] | null =>
  box ? [box.x, box.y, box.width, box.height] : null;

/** Whether a recipe uses boxes. */
export const usesBoxes = ({ region }: Recipe): boolean => region === 'box' || region === 'image+box';

/**
 * Sorts and checks the images.
 *
 * @throws UsageError for an empty list, a duplicate id, or missing boxes that the recipe needs
 */
export const imageList = (items: readonly Item[], recipe: Recipe): ImageList => {
  if (items.length === 0) throw expected('at least one image', 'the data set', 'none');
  const sorted = [...items].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const twice = sorted.find((item, i) => i > 0 && item.id === sorted[i - 1]!.id);
  if (twice)
    throw new UsageError(`The image id ${twice.id} appears twice in the data set: ids must be unique.`);
  if (usesBoxes(recipe) && !items.some((item) => item.box)) {
    throw expected(
      'a data set with boxes',
      text`${option('region')} ${recipe.region}`,
      'images without boxes',
    );
  }
  const facts = sorted.map((item) => [item.id, item.path, item.labels, boxNumbers(item)]);
  return {
    items: sorted,
    hash: sha256(JSON.stringify(facts)).slice(0, 16),
    parts: partCount(sorted.length),
  };
};

/** The images of a part. */
export const itemsOfPart = ({ items }: ImageList, part: number): readonly Item[] =>
  items.slice(part * PART_SIZE, (part + 1) * PART_SIZE);

/** Whether a part belongs to a shard. */
export const inShard = (part: number, { index, count }: Shard): boolean => part % count === index;

/** Indices of the parts of a shard. */
export const partsOfShard = ({ parts }: ImageList, shard: Shard): number[] =>
  Array.from({ length: parts }, (_, part) => part).filter((part) => inShard(part, shard));
