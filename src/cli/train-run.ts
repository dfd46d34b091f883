// What `verydeep train` does once its options are parsed: data set, statistics, engine, training.
import { architecture, type Architecture } from '../backbone/architecture.js';
import type { InputNormalisation } from '../backbone/backbone.js';
import { examplesOf, superclassesOf } from '../backbone/examples.js';
import type { Initialisation } from '../backbone/initialisation.js';
import { Loader } from '../backbone/loader.js';
import { measuredStatistics } from '../backbone/measure-pixels.js';
import type { PixelStatistics } from '../backbone/pixel-statistics.js';
import type { ScheduleName } from '../backbone/schedule.js';
import { type Normalisation, type TrainingOptions, defaultSide } from '../backbone/training-options.js';
import { type TrainingResult, train } from '../backbone/trainer.js';
import type { Dataset, Item } from '../datasets/dataset.js';
import { openDataset } from '../datasets/open.js';
import { setAside } from '../datasets/splits.js';
import { type Engine, useEngine } from '../engine/engine.js';
import { makeFolder } from '../files.js';
import type { Kernel } from '../images/resize.js';
import type { OnProgress } from '../progress.js';

export interface TrainRequest {
  readonly data: string;
  readonly out: string;
  readonly config: Architecture['config'];
  readonly width: number;
  readonly blocks: number;
  readonly inputSize: number;
  readonly fullyConnected: number;
  readonly epochs: number;
  readonly batch: number;
  readonly microBatch?: number;
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  readonly patience: number;
  readonly decreases: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly dropout: number;
  readonly init: Initialisation;
  readonly initStd: number;
  readonly superclassLoss: number;
  readonly validation: number;
  readonly trainSide?: readonly [number, number];
  readonly flip: boolean;
  readonly colourShift: number;
  readonly normalise?: Normalisation;
  readonly kernel: Kernel;
  readonly checkpointEvery: number;
  /** Megabytes of decoded images in memory. */
  readonly cache: number;
  readonly prefetch: number;
  readonly workers: number;
  readonly threads: number;
  readonly engine: 'auto' | 'onnxruntime' | 'tensorflow';
  readonly gpu?: number;
  readonly seed: number;
  readonly resume?: boolean;
  readonly onProgress?: OnProgress;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Training and validation images: the data set's own splits, or a share of each class set aside. */
const partsOf = (
  dataset: Dataset,
  share: number,
  seed: number,
): { train: readonly Item[]; validation: readonly Item[] } => {
  const train = dataset.splits['train'] ?? dataset.splits['all'] ?? dataset.splits['trainval'] ?? [];
  const validation = dataset.splits['train'] ? dataset.splits['val'] : undefined;
  if (validation && validation.length > 0) return { train, validation };
  if (share === 0) return { train, validation: [] };
  const { rest, aside } = setAside(train, share, seed);
  return { train: rest, validation: aside };
};

const inputOf = (statistics: PixelStatistics, how: Normalisation): InputNormalisation => ({
  order: 'rgb',
  scale: 1,
  mean: statistics.mean,
  std: how === 'mean' ? [1, 1, 1] : statistics.std,
});

export interface TrainOutcome {
  readonly out: string;
  readonly images: { readonly train: number; readonly validation: number };
  readonly classes: number;
  readonly engine: string;
  readonly result: TrainingResult;
}

/** Opens everything, trains, and closes everything. */
export const trainOn = async (name: string, request: TrainRequest): Promise<TrainOutcome> => {
  const { out, seed } = request;
  const dataset = await openDataset(name, request.data);
  const { classes } = dataset;
  const superclasses = request.superclassLoss > 0 ? superclassesOf(classes) : [];
  const parts = partsOf(dataset, request.validation, seed);
  const examples = {
    train: examplesOf(parts.train, classes, superclasses),
    validation: examplesOf(parts.validation, classes, superclasses),
  };
  const net = architecture({
    config: request.config,
    width: request.width,
    blocks: request.blocks,
    inputSize: request.inputSize,
    fullyConnected: request.fullyConnected,
    outputs: classes.length + superclasses.length,
  });
  const side = defaultSide(net.inputSize);
  const sides = request.trainSide ?? ([side, side] as const);
  await makeFolder(out);
  const loader = new Loader({
    crop: net.inputSize,
    kernel: request.kernel,
    workers: request.workers,
    prefetch: request.prefetch,
    cacheBytes: request.cache * 2 ** 20,
  });
  let engine: Engine | undefined;
  try {
    const statistics = await measuredStatistics(loader, examples.train, {
      sides,
      out,
      onProgress: request.onProgress,
    });
    engine = await useEngine({
      engine: request.engine,
      threads: request.threads,
      ...(request.gpu !== undefined && { gpu: request.gpu }),
    });
    const options: TrainingOptions = {
      net,
      classes,
      superclasses,
      superclassWeight: request.superclassLoss,
      batch: request.batch,
      microBatch: request.microBatch ?? request.batch,
      momentum: request.momentum,
      decay: request.weightDecay,
      dropout: request.dropout,
      schedule: {
        name: request.schedule,
        rate: request.learningRate,
        epochs: request.epochs,
        patience: request.patience,
        decreases: request.decreases,
      },
      initialisation: request.init,
      initialStd: request.initStd,
      sides,
      flip: request.flip,
      colour:
        request.colourShift > 0
          ? { strength: request.colourShift, spread: statistics.spread, axes: statistics.axes }
          : undefined,
      kernel: request.kernel,
      input: inputOf(statistics, request.normalise ?? (request.init === 'paper' ? 'mean' : 'mean-std')),
      seed,
      factors: {},
    };
    const result = await train(
      {
        tf: engine.tf,
        loader,
        ...examples,
        out,
        resume: request.resume ?? false,
        checkpointEvery: request.checkpointEvery,
        ...(request.signal && { signal: request.signal }),
        ...(request.onProgress && { onProgress: request.onProgress }),
      },
      options,
    );
    const images = { train: examples.train.length, validation: examples.validation.length };
    return { out, images, classes: classes.length, engine: engine.name, result };
  } finally {
    engine?.close();
    await loader.close();
  }
};
