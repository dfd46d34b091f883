// The images of a training run, its output folder and its listeners.
import type { Item } from '../../datasets/dataset.js';
import type { Communicator } from '../../engine/communicator/communicator.js';
import type { Work } from '../../io/work.js';
import type { OnProgress } from '../../progress.js';
import type { TrainingResult } from './outcome.js';

/** The images to train on: items of a data set, with its classes in index order. */
export interface TrainingData {
  readonly classes: readonly string[];
  readonly train: readonly Item[];
  /** May be empty: then the schedule follows the accuracy on the training images. */
  readonly validation: readonly Item[];
}

/** The output folder and the listeners. */
export interface TrainRun {
  /** Output folder. */
  readonly out: string;
  /** Resume the earlier run of the same options in `out`. */
  readonly resume?: boolean | undefined;
  /** Replace a run of other options in `out`. */
  readonly force?: boolean | undefined;
  /** What the images are, by option: the path as `data`, the columns of a table. */
  readonly source?: Work;
  readonly onProgress?: OnProgress;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** This rank of those that train together; default: this process alone, or the threads that `ranks` asks for. */
  readonly communicator?: Communicator;
}

/** What a run gave. */
export interface TrainOutcome {
  readonly out: string;
  readonly images: { readonly train: number; readonly validation: number };
  /** Localisation: images that were left out. */
  readonly withoutBox?: { readonly train: number; readonly validation: number };
  readonly classes: number;
  readonly engine: string;
  /** Images that went through the net at once. */
  readonly microBatch: number;
  readonly result: TrainingResult;
}
