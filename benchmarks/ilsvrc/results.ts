// The results of a run of ILSVRC-2012: the content of its results.json.
import type { Skipped } from '../../src/progress.js';
import { chanceOfTop } from '../protocol/chance.js';
import type { SeenResult, SeenTest } from '../protocol/seen.js';
import type { Testing } from './posteriors.js';
import type { PublishedErrors } from './published.js';

/** Errors of one combination of nets and ways of testing, in percent. */
export interface ErrorRow {
  readonly name: string;
  readonly top1Error: number;
  readonly top5Error: number;
}

/** Errors of classes drawn at random. */
export const chanceRow = (classes: number): ErrorRow => ({
  name: 'chance',
  top1Error: 100 - chanceOfTop(1, classes),
  top5Error: 100 - chanceOfTop(5, classes),
});

/** A net, and how its posteriors were made. */
export interface TestedNet {
  readonly config: string;
  readonly sha256: string;
  readonly tests: readonly {
    readonly testing: Testing;
    /** Smallest sides Q in pixels. */
    readonly scales: readonly number[];
    readonly flip: boolean;
    readonly precision: 'fp32' | 'int8';
  }[];
}

export interface IlsvrcResults {
  readonly benchmark: 'ilsvrc2012';
  readonly split: string;
  readonly metric: 'top5Error';
  readonly unit: '%';
  /** Top-5 error of the first row: all nets fused, or the net. */
  readonly mean: number | null;
  readonly rows: readonly ErrorRow[];
  /** Images of the split; those that could not be read count as errors. */
  readonly images: number;
  readonly classes: number;
  readonly testing: readonly Testing[];
  /** Each net as it was tested. */
  readonly nets: readonly TestedNet[];
  /** Whether images of the split trained the nets. */
  readonly seen: SeenResult & { readonly test?: SeenTest };
  readonly published: readonly PublishedErrors[];
  readonly skipped: readonly Skipped[];
  /** Images that were centre-cropped. */
  readonly limited: readonly string[];
  readonly files: { readonly predictions: string; readonly posteriors: readonly string[] };
}
