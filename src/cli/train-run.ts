// What `verydeep train` does once its flags are parsed: opens the data set, sets validation images aside, trains.
import {
  type TrainingData,
  type TrainOutcome,
  type TrainRequest as BackboneRequest,
  trainBackbone,
} from '../backbone/training/train-backbone.js';
import { requireClasses } from '../datasets/common.js';
import type { Dataset } from '../datasets/dataset.js';
import { openDataset } from '../datasets/open.js';
import { setAside } from '../datasets/splits.js';
import { type CsvFlags, csvOf } from './options.js';

/** Everything that `verydeep train` is told. */
export interface TrainRequest extends BackboneRequest, CsvFlags {
  readonly dataset: string;
  readonly data: string;
  /** Share of each class that is set aside to validate, where the data set has no split for it. */
  readonly validation: number;
}

/** Training and validation images: the data set's own splits, or a share of each class set aside. */
const partsOf = ({ classes, splits }: Dataset, share: number, seed: number): TrainingData => {
  const { train, val, all, trainval } = splits;
  const images = train ?? all ?? trainval ?? [];
  if (train && val && val.length > 0) return { classes, train, validation: val };
  if (share === 0) return { classes, train: images, validation: [] };
  const { rest, aside } = setAside(images, share, seed);
  return { classes, train: rest, validation: aside };
};

/** Opens the data set and trains on it. */
export const trainOn = async ({
  dataset,
  data,
  validation,
  ...request
}: TrainRequest): Promise<TrainOutcome> => {
  const { onProgress, seed, signal } = request;
  const opened = await openDataset(dataset, data, {
    csv: csvOf(request),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
  requireClasses(opened);
  return trainBackbone(partsOf(opened, validation, seed), request);
};
