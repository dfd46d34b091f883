// Runs `verydeep train` after parsing: opens the data set, sets validation images aside, trains.
import {
  type TrainingData,
  type TrainOutcome,
  type TrainRun,
  trainBackbone,
} from '../backbone/training/train-backbone.js';
import { claimTraining } from '../backbone/training/claim.js';
import { taskData } from '../backbone/training/task.js';
import { requireClasses, requireLabels } from '../datasets/common.js';
import type { Dataset } from '../datasets/dataset.js';
import { openDataset } from '../datasets/open.js';
import { noticesOf } from '../datasets/remarks.js';
import { setAside } from '../datasets/splits.js';
import { fromFirst } from '../engine/communicator/communicator.js';
import { single } from '../engine/communicator/single.js';
import { csvOf, given } from './options.js';
import { firstOnHost } from './ranks.js';
import type { FlagsOf } from './tables.js';

/** Share of each class that is set aside where the data set has no val split. */
const SHARE = 0.1;

/**
 * Training and validation images: the data set's own splits, or a share of each class of the training images set aside, so
 * that choices can be made without a look at the val split.
 */
const partsOf = ({ classes, splits }: Dataset, asked: number | undefined, seed: number): TrainingData => {
  const { train, val, all, trainval } = splits;
  const images = train ?? all ?? trainval ?? [];
  if (asked === undefined && train && val && val.length > 0) return { classes, train, validation: val };
  const share = asked ?? SHARE;
  if (share === 0) return { classes, train: images, validation: [] };
  const { rest, aside } = setAside(images, share, seed);
  return { classes, train: rest, validation: aside };
};

/** Opens the data set, and trains on it; of a net that is trained already only its options are checked. */
export const trainOn = async (
  dataset: string,
  data: string,
  { validation, ...options }: FlagsOf<'train'>,
  run: TrainRun,
  isTrained = false,
): Promise<TrainOutcome | undefined> => {
  const { onProgress, signal } = run;
  const opened = await firstOnHost(run.communicator, () =>
    openDataset(dataset, data, {
      csv: csvOf(options),
      boxes: options.task === 'localisation',
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    }),
  );
  requireLabels(opened);
  for (const notice of noticesOf(opened)) run.note?.(notice);
  requireClasses(opened);
  const images = partsOf(opened, validation, options.seed);
  const source = given({ data, validation: validation ?? SHARE, ...csvOf(options) });
  const isKept = async () =>
    claimTraining(await taskData(images, options, run), { ...options, ...run, source });
  if (isTrained && (await fromFirst(run.communicator ?? single, isKept))) return undefined;
  return trainBackbone(images, { ...options, ...run, source });
};
