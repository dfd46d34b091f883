// The common form of all data sets: images by name and location, their labels and boxes, and the classes. No
// pixels.

import type { Message } from '../errors.js';

/** The location of an image's encoded bytes: a whole file, or a slice of an archive that is read in place. */
export interface ImageSource {
  /** Absolute path of the image file or of the archive. */
  readonly file: string;
  /** The slice of `file`, in bytes; default: the whole file. */
  readonly slice?: { readonly offset: number; readonly length: number };
  /** Where the slice holds 8-bit pixels as they are, row by row, instead of an encoded image: their form. */
  readonly pixels?: { readonly width: number; readonly height: number; readonly channels: 1 | 3 };
}

/** A rectangle in 0-based pixels of the image as stored (before EXIF orientation): x, y of the top left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What lies in a box of an image: its class. */
export interface LabelledBox {
  readonly label: string;
  readonly box: Box;
}

/** One image, or one box of an image, with its labels. */
export interface Item {
  /** Unique in the data set and stable between runs: the relative path, the VOC id, "2010_006088#1" for a person. */
  readonly id: string;
  /** Path as shown to the user, relative to the data set's root, `/` between folders. */
  readonly path: string;
  readonly source: ImageSource;
  /** The classes present, sorted by class index. */
  readonly labels: readonly string[];
  /** Classes for which the item counts as neither positive nor negative (VOC's label 0: only difficult objects). */
  readonly ignored?: readonly string[];
  /** The part of the image that the item is: a person's box. */
  readonly box?: Box;
  /** The annotated boxes, of any class, as they are in the file: they may exceed the image. Only where asked for. */
  readonly boxes?: readonly LabelledBox[];
}

/** A data set: its classes in index order, and its items sorted by id in each split. */
export interface Dataset {
  /** "folder", "csv", "imagenet", "voc2007", … */
  readonly name: string;
  /** Absolute path it was read from. */
  readonly root: string;
  readonly classes: readonly string[];
  /** Items by split ("train", "val", "trainval", "test"); a data set without official splits has the one split "all". */
  readonly splits: Readonly<Record<string, readonly Item[]>>;
  /** Skipped files, with the reason. */
  readonly strays: readonly { readonly path: string; readonly reason: string }[];
  /** Why no image has a label, and what to do for one that needs them; missing where there are labels. */
  readonly unlabelled?: { readonly reason: string; readonly advice: Message };
  /** Warnings about the data set, one sentence each: classes missing from a split, names that look alike. */
  readonly remarks?: readonly string[];
}
