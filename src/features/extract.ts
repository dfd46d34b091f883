// Extraction: a list of images, a recipe and backbones become a feature store on disk.
import type { Item } from '../datasets/dataset.js';
import type { OnProgress, Skipped } from '../progress.js';
import type { FeatureStore } from './reader.js';
import type { RecipeChoice } from './recipe.js';

/** Where the descriptors go and what computes them. */
export interface ExtractOptions {
  /** Folder of the store; made if missing. */
  readonly out: string;
  /** Threads that compute, over all workers; default all cores. */
  readonly threads?: number;
  /** Worker threads, each with its own session; default: what is fastest for the recipe. */
  readonly workers?: number;
  /** Go on with what lies in `out`: only what is missing or has changed is computed. */
  readonly resume?: boolean;
  /** Only the parts p with p mod count = index. */
  readonly shard?: { readonly index: number; readonly count: number };
  readonly onProgress?: OnProgress;
}

/** What an extraction did. */
export interface Extracted {
  /** Every part that lies in `out`, of this and of other shards. */
  readonly store: FeatureStore;
  /** The images of this run (or of parts kept from an earlier one) that have no descriptor. */
  readonly skipped: readonly Skipped[];
}

/**
 * Describes images and writes the descriptors to `options.out`.
 *
 * @param items images of a split; ids must differ
 * @param backbones paths of weight files; several are stacked
 */
export const extractFeatures = (
  items: readonly Item[],
  backbones: readonly string[],
  recipe: RecipeChoice,
  options: ExtractOptions,
): Promise<Extracted> =>
  Promise.reject(
    new Error(
      `extraction of ${items.length} ${backbones.length} ${Object.keys(recipe).length} ${options.out}`,
    ),
  );
