// Describes images with a net: descriptors in memory, or in a store on disk.
import type { Item } from '../datasets/dataset.js';
import type { OnProgress } from '../progress.js';
import type { Net } from './net.js';
import { Collection } from './pipeline/collected.js';
import { describeBlocks } from './pipeline/describer.js';
import { type ExtractOptions, extractFeatures } from './pipeline/extract.js';
import { netsFor } from './pipeline/plan.js';
import { Tally } from './pipeline/tally.js';
import type { RecipeChoice, RecipeName } from './recipe/recipe.js';
import type { Features } from './store/features.js';
import { imageList } from './store/list.js';

/** A data set, or some of its items. */
export type Images = readonly Item[] | { items(split?: string): readonly Item[] };

/** How images are described. */
export interface DescribeOptions {
  /**
   * A recipe of the paper by name ("default", "voc", "caltech", "action", "center-crop"), or single options of one: layers,
   * scales, aggregate, … What is left out takes its default; default scales are relative to the net's input.
   */
  readonly recipe?: RecipeName | RecipeChoice;
  /** A split of the data set ("train"); all its images where missing. */
  readonly split?: string;
  /** Images of more pixels are skipped; default 100 million. */
  readonly maxPixels?: number;
  readonly onProgress?: OnProgress;
  /** Ends the run cleanly: the promise is rejected with InterruptedError. */
  readonly signal?: AbortSignal;
}

/** How images are described to a store on disk: its folder, and what may be done in it. */
export interface StoreOptions
  extends DescribeOptions, Pick<ExtractOptions, 'out' | 'resume' | 'shard' | 'int8' | 'onNotice'> {}

/**
 * Describes images (section B of the paper): the net is applied densely at every scale of the recipe, activations are
 * averaged over positions and the mirrored image, scales are joined, and each descriptor has length 1.
 *
 * In memory, or with `out` in a store on disk that `openFeatures` and `verydeep evaluate --features` read; descriptors are
 * the same to the bit. A bad image is left out and listed in `skipped`.
 *
 * @param images a data set or items of one; ids must differ
 * @returns float32 descriptors, one row an image, sorted by id, with labels, recipe and nets
 * @throws UsageError for a recipe that does not fit the net, an empty list of images, or a folder in use
 * @throws VerydeepError when the disk is full or the computation fails
 * @throws InterruptedError after `options.signal`
 */
export const describe = async (
  net: Net,
  images: Images,
  options: DescribeOptions | StoreOptions = {},
): Promise<Features> => {
  const { recipe = {}, split, ...rest } = options;
  const items = 'items' in images ? images.items(split) : images;
  const choice = typeof recipe === 'string' ? { name: recipe } : recipe;
  if ('out' in rest) {
    const files = net.backbones.map(({ path }) => path);
    return (await extractFeatures(items, files, choice, { ...net.machinery, ...rest })).store;
  }
  const { onProgress, ...own } = rest;
  const nets = netsFor(net.backbones, choice);
  const list = imageList(items, nets.recipe);
  const collection = new Collection(list.items.length);
  const tally = new Tally(list.items.length, onProgress);
  const [plan] = await describeBlocks([nets], list.items, { ...net.machinery, ...own }, (start, outcomes) => {
    outcomes.forEach(([outcome], i) => {
      collection.add(list.items[start + i]!, outcome!);
      tally.add(outcome!);
    });
    return Promise.resolve();
  });
  return collection.features(plan!, net.backbones);
};
