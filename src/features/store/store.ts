// The feature store as it lies on disk: names of its files, what their schema says, and the shape of a part.
import { VerydeepError, option, text } from '../../errors.js';
import type { NetIdentity, Recipe } from './recipe.js';

/** Images a part (an Arrow file) holds at most. */
export const PART_SIZE = 64;

/** Version of the layout, in the schema of every part. */
export const STORE_FORMAT = 1;

/** An image that could not be described, remembered in the part to which it belongs. */
export interface StoredSkip {
  readonly id: string;
  readonly path: string;
  /** Why, in words that do not depend on the machine or the run. */
  readonly reason: string;
  /** SHA-256 of the file as it was; missing where it could not be read at all. */
  readonly sha256?: string;
}

/** What the schema of a part says under the key `verydeep`, as JSON. */
export interface PartMetadata {
  readonly format: number;
  readonly recipe: Recipe;
  readonly nets: readonly NetIdentity[];
  /** See recipeHash. */
  readonly hash: string;
  /** What computed it: "onnxruntime cpu", "tensorflow", … Descriptors of different machinery agree but not to the last bit. */
  readonly engine: string;
  /** Hash of the sorted list of images of the whole store. */
  readonly list: string;
  /** Images of the whole list. */
  readonly images: number;
  /** Which part of the fixed partition of the list, counted from 0, of how many. */
  readonly part: number;
  readonly parts: number;
  readonly skipped: readonly StoredSkip[];
  /** The rows' boxes [x, y, width, height], where the recipe looks at them. */
  readonly boxes?: readonly (readonly number[] | null)[];
}

/** One described image, a row of a part. */
export interface DescribedImage {
  readonly id: string;
  readonly path: string;
  readonly sha256: string;
  readonly labels: readonly string[];
  /** Size of the image in pixels, as stored. */
  readonly width: number;
  readonly height: number;
  /** A descriptor for each layer of the recipe. */
  readonly descriptors: Readonly<Record<string, Float32Array>>;
}

/** Name of the file of a part: the hash names the descriptors, the number the part. */
export const partName = (hash: string, part: number): string =>
  `${hash}-${String(part).padStart(6, '0')}.arrow`;

/** Hash and number of a part by its file name; undefined for other files. */
export const parsePartName = (name: string): { hash: string; part: number } | undefined => {
  const match = /^([0-9a-f]{16})-(\d{6,})\.arrow$/.exec(name);
  return match ? { hash: match[1]!, part: Number(match[2]) } : undefined;
};

/** How many parts a list of `images` has; an empty list has none. */
export const partCount = (images: number): number => Math.ceil(images / PART_SIZE);

/** A damaged or foreign file in a store. */
export const damaged = (path: string, what: string): VerydeepError =>
  new VerydeepError(
    text`Cannot read ${path}: ${what}. Delete it and run \`verydeep extract\` with ${option('resume')} to make it again.`,
  );
