// Trains a tiny net as a rank, or alone. The arguments are the images' folder, the output folder and options as JSON, which may be
// encoded as in a URL, for shells on the way. "ready" tells that the third step is done.
import { writeSync } from 'node:fs';
import { openDataset } from '../../../src/datasets/open.js';
import { trainBackbone } from '../../../src/backbone/training/train-backbone.js';
import { asRank } from '../../../src/cli/ranks.js';
import { interruptible } from '../../../src/cli/interruptible.js';

const [data, out, given = '{}'] = process.argv.slice(2) as [string, string, string?];
const { timeout, seeds, ...options } = JSON.parse(decodeURIComponent(given)) as {
  timeout?: number;
  seeds?: number[];
};

await interruptible((signal) =>
  asRank({}, timeout, async (communicator) => {
    const { rank = 0 } = communicator ?? {};
    const dataset = await openDataset('folder', rank === 0 ? data : (process.env['OTHER_DATA'] ?? data));
    const { all = [] } = dataset.splits;
    const images = {
      classes: dataset.classes,
      train: all.filter((_, i) => i % 5 > 0),
      validation: all.filter((_, i) => i % 5 === 0),
    };
    const { result } = await trainBackbone(images, {
      ...{ config: 'A', width: 1 / 8, blocks: 2, inputSize: 16, fullyConnected: 32, init: 'he' },
      ...{ learningRate: 0.02, batch: 8, microBatch: 2, epochs: 2, workers: 1, batchNorm: true },
      ...{ trainSide: [18, 24], out, signal, ...(communicator && { communicator }) },
      ...options,
      ...(seeds && { seed: seeds[rank]! }),
      onProgress: ({ task, done }) => task === 'train' && done === 3 && writeSync(1, 'ready\n'),
    });
    if (result.interrupted) process.exitCode = 130;
  }),
);
