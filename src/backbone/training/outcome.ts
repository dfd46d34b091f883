// The results of a training run: figures of each epoch, and the backbone. Plain data, without tfjs.
import type { Skipped } from '../../progress.js';

/** The results of one epoch, in percent: errors of classes, or of boxes for localisation. */
export interface EpochFigures {
  readonly epoch: number;
  /** Steps done at its end. */
  readonly step: number;
  readonly learningRate: number;
  readonly loss: number;
  readonly trainTop1Error?: number;
  readonly trainTop5Error?: number;
  readonly validationTop1Error?: number;
  readonly validationTop5Error?: number;
  /** Share of images whose box of the true class overlaps the true box by less than half. */
  readonly trainBoxError?: number;
  readonly validationBoxError?: number;
  /** Mean overlap (intersection over union) with the true box in the crop. */
  readonly trainMeanIou?: number;
  readonly validationMeanIou?: number;
}

/** How long an epoch took, and for what. */
export interface EpochTimes {
  readonly seconds: number;
  /** Share of the time spent waiting for images, 0-1. */
  readonly waiting: number;
  readonly imagesPerSecond: number;
  /** Of a rank: the share of the time in which the net waited for the others, and in which it exchanged numbers, 0-1. */
  readonly communication?: { readonly waiting: number; readonly busy: number };
}

/** All that is known of an epoch. */
export interface EpochRecord extends EpochFigures, EpochTimes {}

/** The outcome of a training run. */
export interface TrainingResult {
  /** Path of the backbone; undefined if training was interrupted. */
  readonly backbone?: string;
  readonly history: readonly EpochRecord[];
  readonly step: number;
  readonly skipped: readonly Skipped[];
  readonly interrupted: boolean;
}
