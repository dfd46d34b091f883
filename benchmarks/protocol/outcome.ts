// The outcome of a protocol on one split: training and test images, scores and figures.
import type { LinearModel } from '../../src/classifiers/model.js';
import type { Selection } from '../../src/classifiers/select.js';
import type { Item } from '../../src/datasets/dataset.js';
import type { Interval } from '../../src/evaluation/statistics.js';
import type { Matrix } from '../../src/matrix.js';

/** Figures by name, in percent: `meanClassRecall`, `accuracy`, `mAP`, … */
export type Figures = Readonly<Record<string, number>>;

/** One class's figures on one split. */
export interface ClassOutcome {
  readonly name: string;
  readonly train: number;
  readonly test: number;
  readonly figures: Figures;
}

/** One split, evaluated. */
export interface SplitOutcome {
  /** "split 1", "test", "val". */
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: readonly Item[];
  readonly test: readonly Item[];
  /** [test, classes]; -Infinity for a test image without a descriptor. */
  readonly scores: Matrix;
  readonly model: LinearModel;
  /** How C was chosen; missing where it was given. */
  readonly selection?: Selection;
  /** The figure that C was chosen by, and on which images. */
  readonly choice?: { readonly metric: 'meanClassRecall' | 'mAP'; readonly on: string };
  readonly figures: Figures;
  readonly perClass: readonly ClassOutcome[];
  /** Bootstrap interval of the benchmark's metric, in percent. */
  readonly interval?: Interval;
  /** Time of training and scoring. */
  readonly seconds: number;
}
