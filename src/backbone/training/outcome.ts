// What a training run gives: figures of each epoch, and the backbone. Plain data, without tfjs.
import type { Skipped } from '../../progress.js';

/** What one epoch gave. Errors in percent. */
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
  /** Share of the time that the trainer waited for images, 0-1. */
  readonly waiting: number;
  readonly imagesPerSecond: number;
}

/** What became of a training run. */
export interface TrainingResult {
  /** Path of the backbone; missing where training was interrupted before its end. */
  readonly backbone?: string;
  readonly history: readonly EpochRecord[];
  readonly step: number;
  readonly skipped: readonly Skipped[];
  readonly interrupted: boolean;
}
