// A short training run on a table of drawings with boxes.
import { join } from 'node:path';
import { type TrainOutcome, trainBackbone } from '../../src/backbone/training/train-backbone.js';
import { openDataset } from '../../src/datasets/open.js';
import { withFolder } from '../support.js';
import { drawings, forms } from './forms.js';

const small = {
  ...{ engine: 'onnxruntime', config: 'A', width: 0.0625, blocks: 2, inputSize: 16, fullyConnected: 8 },
  ...{ init: 'he', batch: 4, workers: 1, threads: 1, seed: 1, schedule: 'constant', dropout: 0 },
} as const;

/** Trains on the table of drawings, which is changed first. */
export const train = async (
  root: string,
  out: string,
  options: Partial<Parameters<typeof trainBackbone>[1]>,
): Promise<TrainOutcome> => {
  const boxes = options.task === 'localisation';
  const { classes, splits } = await openDataset('csv', root, { boxes });
  const data = { classes, train: splits['train']!, validation: splits['val']! };
  return trainBackbone(data, { ...small, ...options, out: join(root, out) } as Parameters<
    typeof trainBackbone
  >[1]);
};

export const withTable = (use: (root: string, table: string) => Promise<void>): Promise<void> =>
  withFolder(async (root) => {
    await forms['CSV']!.make(root, await drawings(6, 2));
    await use(root, join(root, 'list.csv'));
  });
