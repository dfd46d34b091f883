// The layout of the feature store on disk: file names, schema metadata, size of a part.
import { VerydeepError, option, text } from '../../errors.js';
import type { NetIdentity, Recipe } from './recipe.js';

/** Largest number of images in a part (an Arrow file). */
export const PART_SIZE = 64;

/** Version of the layout, in the schema of every part. */
export const STORE_FORMAT = 1;

/** A skipped image, recorded in its part. */
export interface StoredSkip {
  readonly id: string;
  readonly path: string;
  /** The reason; the text does not depend on the machine or the run. */
  readonly reason: string;
  /** SHA-256 of the file; missing if it could not be read. */
  readonly sha256?: string;
}

/** Metadata of a part: JSON under the key `verydeep` of its schema. */
export interface PartMetadata {
  readonly format: number;
  readonly recipe: Recipe;
  readonly nets: readonly NetIdentity[];
  /** See recipeHash. */
  readonly hash: string;
  /**
   * Engine and provider: "onnxruntime cpu", "tensorflow", … Descriptors of different engines agree, but not
   * bit for bit.
   */
  readonly engine: string;
  /** Hash of the sorted list of images of the whole store. */
  readonly list: string;
  /** Number of images of the whole list. */
  readonly images: number;
  /** Index of the part (from 0) in the fixed partition of the list, and the number of parts. */
  readonly part: number;
  readonly parts: number;
  readonly skipped: readonly StoredSkip[];
  /** The rows' boxes [x, y, width, height], if the recipe uses boxes. */
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
  /** One descriptor per layer of the recipe. */
  readonly descriptors: Readonly<Record<string, Float32Array>>;
}

/** File name of a part: the descriptors' hash and the part's index. */
export const partName = (hash: string, part: number): string =>
  `${hash}-${String(part).padStart(6, '0')}.arrow`;

/** Hash and index of a part from its file name; undefined for other files. */
export const parsePartName = (name: string): { hash: string; part: number } | undefined => {
  const match = /^([0-9a-f]{16})-(\d{6,})\.arrow$/.exec(name);
  return match ? { hash: match[1]!, part: Number(match[2]) } : undefined;
};

/** Number of parts for a number of images. */
export const partCount = (images: number): number => Math.ceil(images / PART_SIZE);

/** The error for a damaged or foreign file in a store. */
export const damaged = (path: string, what: string): VerydeepError =>
  new VerydeepError(
    text`Cannot read ${path}: ${what}. Delete it and run \`verydeep extract\` with ${option('resume')} to make it again.`,
  );
