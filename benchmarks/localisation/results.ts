// The results of a run of ilsvrc2012-localisation: the content of its results.json.
import type { BoxCounts } from '../../src/backbone/boxes/located.js';
import type { Skipped } from '../../src/progress.js';
import type { SeenResult, SeenTest } from '../protocol/seen.js';
import type { PublishedBoxErrors } from './published.js';

/** A figure in percent with its 95 % interval. */
export interface Figure {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Simplified testing: the box of the true class. */
export interface SimplifiedRow {
  readonly name: string;
  /** Share of boxes that overlap the true one by less than half. */
  readonly error: Figure;
  readonly meanIou: Figure;
}

/** Full testing: five guesses. */
export interface FullRow {
  readonly name: string;
  readonly top5Error: Figure;
  readonly top1Error: Figure;
  /** Of the classes alone. */
  readonly classTop5Error: number;
  readonly classTop1Error: number;
  /** Error of the box of the true class. */
  readonly errorGivenClass: Figure;
  readonly meanIou: Figure;
}

/** An image to be shown: its true and predicted boxes. */
export interface Shown {
  readonly id: string;
  readonly label: string;
  readonly iou: number;
}

export interface LocalisationResults {
  readonly benchmark: 'ilsvrc2012-localisation';
  readonly split: string;
  readonly metric: 'top5Error' | 'error';
  readonly unit: '%';
  /** The first figure: the top-5 error of all nets and scales, else the error of simplified testing. */
  readonly mean: number | null;
  readonly images: number;
  readonly classes: number;
  readonly boxes: BoxCounts;
  /** Of the nets, then of trivial answers. */
  readonly simplified: readonly SimplifiedRow[];
  readonly full: readonly FullRow[];
  /** Number of images by overlap of the box of the true class, in ten equal classes from 0 to 1, of the first net. */
  readonly iouHistogram: readonly number[];
  readonly nets: readonly {
    readonly file: string;
    readonly sha256: string;
    readonly config: string;
    readonly regression: string;
    readonly trainedSide: number;
    readonly scales: readonly number[];
  }[];
  readonly classifiers: readonly { readonly file: string; readonly sha256: string }[];
  readonly flip: boolean;
  readonly mergeThreshold: number;
  readonly seen: SeenResult & { readonly test?: SeenTest };
  readonly published: readonly PublishedBoxErrors[];
  readonly skipped: readonly Skipped[];
  readonly files: { readonly guesses: string; readonly predictions?: string };
}
