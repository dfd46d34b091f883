// The results of a training run: figures of each epoch, and the backbone. Plain data, without tfjs.
import type { Skipped } from '../../progress.js';

/** The results of one epoch. Errors in percent. */
export interface EpochRecord {
  readonly epoch: number;
  /** Steps done at its end. */
  readonly step: number;
  readonly learningRate: number;
  readonly loss: number;
  readonly trainTop1Error: number;
  readonly trainTop5Error: number;
  readonly validationTop1Error?: number;
  readonly validationTop5Error?: number;
  readonly seconds: number;
  /** Share of the time spent waiting for images, 0-1. */
  readonly waiting: number;
  readonly imagesPerSecond: number;
}

/** The outcome of a training run. */
export interface TrainingResult {
  /** Path of the backbone; undefined if training was interrupted. */
  readonly backbone?: string;
  readonly history: readonly EpochRecord[];
  readonly step: number;
  readonly skipped: readonly Skipped[];
  readonly interrupted: boolean;
}
