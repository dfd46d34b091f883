// Draws the images that calibrate an int8 net and those that measure its fidelity: a seeded sample,
// identified by checksums.
import type { Item } from '../../datasets/dataset.js';
import { sha256 } from '../../io/files.js';
import { decode } from '../../images/decode.js';
import { ImageError, type RgbImage } from '../../images/image.js';
import { readImageBytes } from '../../images/source.js';
import { Random } from '../../random.js';
import { boxNumbers, usesBoxes } from '../store/list.js';
import { rowKey } from '../store/previous.js';
import type { Recipe } from '../recipe/recipe.js';
import { type View, viewsOf } from '../recipe/views.js';

/** An image of the sample. */
export interface Sample {
  /** Its checksum, plus its box if the recipe uses boxes. */
  readonly key: string;
  readonly views: readonly View[];
}

/** What decides the views of a sample. */
interface SampleContext {
  readonly recipe: Recipe;
  readonly inputSize: number;
}

/** The images in the order they are tried; the same for every shard. */
const inOrder = (items: readonly Item[]): Item[] =>
  new Random('calibration', 1).shuffle([...items].sort((a, b) => (a.id < b.id ? -1 : 1)));

/** Results of `make` for the first usable images; others are skipped. */
const firstOf = async <T>(
  items: readonly Item[],
  count: number,
  make: (item: Item, bytes: Uint8Array) => T | Promise<T>,
): Promise<T[]> => {
  const made: T[] = [];
  for (const item of inOrder(items)) {
    if (made.length === count) break;
    try {
      made.push(await make(item, await readImageBytes(item.source, item.path)));
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
    }
  }
  return made;
};

const keyOf = (item: Item, bytes: Uint8Array, recipe: Recipe): string =>
  rowKey(sha256(bytes), usesBoxes(recipe) ? boxNumbers(item) : undefined);

/** The first `count` images that can be described, and their views. */
export const sampleOf = (
  items: readonly Item[],
  count: number,
  { recipe, inputSize }: SampleContext,
): Promise<Sample[]> =>
  firstOf(items, count, async (item, bytes) => {
    const image = await decode(bytes, item.path, { orient: recipe.orient });
    return {
      key: keyOf(item, bytes, recipe),
      views: await viewsOf(image, item.path, item.box, recipe, inputSize),
    };
  });

/** Keys of the sample, assuming that every readable image can be decoded; nothing is decoded. */
export const expectedSample = (
  items: readonly Item[],
  count: number,
  { recipe }: SampleContext,
): Promise<string[]> => firstOf(items, count, (item, bytes) => keyOf(item, bytes, recipe));

/**
 * How many images of a sample calibrate: `wanted`, or two thirds of a small sample. The others measure the
 * fidelity.
 */
export const calibratingOf = (sampled: number, wanted: number): number =>
  Math.min(wanted, Math.ceil((sampled * 2) / 3));

/** Hash of a calibration: its images' keys and everything that decides their views. */
export const calibrationKey = (
  keys: readonly string[],
  { scales, region, crops, interpolation, orient, maxSide }: Recipe,
): string => {
  const facts = [keys, scales, region, crops, interpolation, orient];
  return sha256(JSON.stringify(maxSide === undefined ? facts : [...facts, maxSide])).slice(0, 16);
};

/** Hash of a sample: its images' keys. */
export const sampleKey = (keys: readonly string[]): string => sha256(JSON.stringify(keys)).slice(0, 16);

/** The views of each image at two scales, the first and the middle one. */
export const calibrationViews = (samples: readonly Sample[], recipe: Recipe): RgbImage[] => {
  const scales = new Set([0, Math.floor(recipe.scales.length / 2)]);
  return samples.flatMap(({ views }) =>
    views.filter(({ scale }) => scales.has(scale)).map(({ image }) => image),
  );
};
