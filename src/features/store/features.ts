// Descriptors and their images' metadata, in memory or in a store on disk: the input of classifiers.
import type { Matrix } from '../../matrix.js';
import type { Skipped } from '../../progress.js';
import type { NetIdentity, Recipe } from './recipe.js';

/** Descriptors of images. Row `i` of every list and matrix is the same image; images are sorted by id. */
export interface Features {
  /** The recipe of the descriptors. */
  readonly recipe: Recipe;
  /** Identifies recipe and weights; descriptors with different hashes are not comparable. */
  readonly hash: string;
  /** The nets, in stacking order. */
  readonly nets: readonly NetIdentity[];
  /** Engine and provider: "onnxruntime cpu", "tensorflow", … */
  readonly engine: string;
  /** Layers of the recipe, for `read` and `batches`. */
  readonly layers: readonly string[];
  readonly rows: number;
  readonly ids: readonly string[];
  readonly paths: readonly string[];
  /** SHA-256 of each image file. */
  readonly sha256: readonly string[];
  /** Classes of each image; empty if unknown. */
  readonly labels: readonly (readonly string[])[];
  /** Sizes in pixels, as stored in the files. */
  readonly widths: readonly number[];
  readonly heights: readonly number[];
  /** Skipped images, with the reason. */
  readonly skipped: readonly Skipped[];
  /** Blocks of rows that are read at once, in order, at most 64 images each. */
  readonly parts: readonly { readonly ids: readonly string[] }[];
  /** Length of the layer's descriptors. @throws UsageError for an unknown layer */
  columns(layer: string): number;
  /** All descriptors of a layer: `rows` x `columns(layer)`, float32. */
  read(layer: string): Promise<Matrix>;
  /** The descriptors of one of `parts`. */
  readPart(part: number, layer: string): Promise<Matrix>;
  /** The descriptors of a layer, one part at a time, in order. */
  batches(layer: string): AsyncGenerator<{ readonly start: number; readonly matrix: Matrix }>;
  /** The weight file of each of `nets` when the descriptors were made; undefined if not recorded. */
  weightFiles(): Promise<readonly (string | undefined)[]>;
}
