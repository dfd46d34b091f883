// Describes images with a net: the descriptors are kept in memory or written to a store on disk.
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
export type Images = readonly Item[] | { items(split?: string): readonly Item[]; readonly root?: string };

/** How images are described. */
export interface DescribeOptions {
  /**
   * A recipe of the paper by name ("default", "voc", "caltech", "action", "center-crop"), or single options:
   * layers, scales, aggregate, … Missing options take their defaults; the default scales are relative to the
   * net's input size.
   */
  readonly recipe?: RecipeName | RecipeChoice;
  /** A split of the data set ("train"). Default: all images. */
  readonly split?: string;
  /** Skip images of more pixels than this. Default: 100 million. */
  readonly maxPixels?: number;
  readonly onProgress?: OnProgress;
  /** Stops the run cleanly: the promise rejects with InterruptedError. */
  readonly signal?: AbortSignal;
}

/** Options for writing descriptors to a store on disk. */
export interface StoreOptions
  extends DescribeOptions, Pick<ExtractOptions, 'out' | 'resume' | 'force' | 'shard' | 'int8' | 'onNotice'> {}

/**
 * Describes images (section B of the paper): the net is applied densely at every scale of the recipe,
 * activations are averaged over positions and the mirrored image, scales are joined, and each descriptor has
 * length 1.
 *
 * The descriptors stay in memory; with `out` they are written to a store that `openFeatures` and `verydeep
 * evaluate --features` read. Both give the same bits. A bad image is skipped and listed in `skipped`.
 *
 * @param images a data set or some of its items; ids must be unique
 * @returns float32 descriptors, one row an image, sorted by id, with labels, recipe and nets
 * @throws UsageError if the recipe does not fit the net, the list of images is empty, or the folder is in use
 * @throws VerydeepError if the disk is full or the computation fails
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
    const source = { ...('root' in images && { data: images.root }), ...(split !== undefined && { split }) };
    return (await extractFeatures(items, files, choice, { ...net.machinery, ...rest, source })).store;
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
