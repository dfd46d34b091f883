// Descriptors with what is known of their images, in memory or in a store on disk: what classifiers are trained on.
import type { Matrix } from '../../matrix.js';
import type { Skipped } from '../../progress.js';
import type { NetIdentity, Recipe } from './recipe.js';

/** Descriptors of images. Row `i` of every list and matrix is the same image; images are sorted by id. */
export interface Features {
  /** How they were made. */
  readonly recipe: Recipe;
  /** Names recipe and weights: descriptors of another hash are not comparable. */
  readonly hash: string;
  /** The nets, stacked in this order. */
  readonly nets: readonly NetIdentity[];
  /** What computed them: "onnxruntime cpu", "tensorflow", … */
  readonly engine: string;
  /** Layers of the recipe: names for `read` and `batches`. */
  readonly layers: readonly string[];
  readonly rows: number;
  readonly ids: readonly string[];
  readonly paths: readonly string[];
  /** SHA-256 of each image file. */
  readonly sha256: readonly string[];
  /** Classes of each image; an empty list where none is known. */
  readonly labels: readonly (readonly string[])[];
  /** Sizes in pixels, as the files have them. */
  readonly widths: readonly number[];
  readonly heights: readonly number[];
  /** Images that have no descriptor, with the reason. */
  readonly skipped: readonly Skipped[];
  /** The blocks of rows that are read at once, at most 64 images each, in order. */
  readonly parts: readonly { readonly ids: readonly string[] }[];
  /** How many numbers a descriptor of the layer has. @throws UsageError for a layer that is not there */
  columns(layer: string): number;
  /** All descriptors of a layer: `rows` x `columns(layer)`, float32. */
  read(layer: string): Promise<Matrix>;
  /** The descriptors of one of `parts`. */
  readPart(part: number, layer: string): Promise<Matrix>;
  /** The descriptors of a layer a part at a time, in order. */
  batches(layer: string): AsyncGenerator<{ readonly start: number; readonly matrix: Matrix }>;
  /** Where the weight file of each of `nets` lay when the descriptors were made; undefined where nobody noted it. */
  weightFiles(): Promise<readonly (string | undefined)[]>;
}
