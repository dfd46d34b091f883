// What `verydeep train` does once its flags are parsed: data set, statistics, first weights, engine, training.
import { architecture, type Architecture } from '../backbone/architecture.js';
import { type Backbone, type InputNormalisation, openBackbone } from '../backbone/backbone.js';
import { examplesOf, superclassesOf } from '../backbone/examples.js';
import type { Initialisation } from '../backbone/initialisation.js';
import { type Example, Loader } from '../backbone/loader.js';
import { measuredStatistics, readStatistics } from '../backbone/measure-pixels.js';
import type { PixelStatistics } from '../backbone/pixel-statistics.js';
import type { ScheduleName } from '../backbone/schedule.js';
import {
  type Normalisation,
  type TrainingOptions,
  checkTraining,
  defaultSide,
} from '../backbone/training-options.js';
import { type TrainingResult, train } from '../backbone/trainer.js';
import { type Transfer, frozen, rateFactors, transferredLayers } from '../backbone/transfer.js';
import type { Dataset, Item } from '../datasets/dataset.js';
import { openDataset } from '../datasets/open.js';
import { setAside } from '../datasets/splits.js';
import { requireClasses } from '../datasets/common.js';
import { type Engine, outOfMemory, useEngine } from '../engine/engine.js';
import { makeFolder } from '../files.js';
import type { Kernel } from '../images/resize.js';
import type { OnProgress } from '../progress.js';

/** Everything that `verydeep train` is told. */
export interface TrainRequest {
  readonly dataset: string;
  readonly data: string;
  readonly out: string;
  readonly config?: Architecture['config'];
  readonly width?: number;
  readonly blocks?: number;
  readonly inputSize?: number;
  readonly fullyConnected?: number;
  readonly init: Initialisation;
  readonly initStd: number;
  readonly initFrom?: string;
  readonly initLayers: Transfer;
  readonly classes: 'same' | 'new';
  readonly freeze?: string;
  readonly rateFactors?: string;
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
  readonly superclassLoss: number;
  readonly trainSide?: readonly [number, number];
  readonly flip: boolean;
  readonly colourShift: number;
  readonly statistics?: string;
  readonly normalise?: Normalisation;
  readonly kernel: Kernel;
  readonly validation: number;
  readonly seed: number;
  readonly checkpointEvery: number;
  /** Megabytes of decoded images in memory. */
  readonly cache: number;
  readonly prefetch: number;
  readonly workers: number;
  readonly engine: 'auto' | 'onnxruntime' | 'tensorflow';
  readonly gpu?: number;
  readonly threads: number;
  readonly resume?: boolean;
  readonly onProgress?: OnProgress;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface TrainOutcome {
  readonly out: string;
  readonly images: { readonly train: number; readonly validation: number };
  readonly classes: number;
  readonly engine: string;
  readonly result: TrainingResult;
}

/** Training and validation images: the data set's own splits, or a share of each class set aside. */
const partsOf = (
  dataset: Dataset,
  share: number,
  seed: number,
): { train: readonly Item[]; validation: readonly Item[] } => {
  const { train, val, all, trainval } = dataset.splits;
  const images = train ?? all ?? trainval ?? [];
  if (train && val && val.length > 0) return { train, validation: val };
  if (share === 0) return { train: images, validation: [] };
  const { rest, aside } = setAside(images, share, seed);
  return { train: rest, validation: aside };
};

/** The net: what the flags say, else what the net to start from has, else the paper's values. */
const netOf = (request: TrainRequest, source: Backbone | undefined, outputs: number): Architecture => {
  const known = source?.metadata.architecture;
  const pick = <K extends 'width' | 'blocks' | 'inputSize' | 'fullyConnected'>(key: K) => {
    const value = request[key] ?? known?.[key];
    return value === undefined ? {} : { [key]: value };
  };
  return architecture({
    config: request.config ?? known?.config ?? 'A',
    ...pick('width'),
    ...pick('blocks'),
    ...pick('inputSize'),
    ...pick('fullyConnected'),
    outputs,
  });
};

const inputOf = (
  { normalise, init }: TrainRequest,
  source: Backbone | undefined,
  statistics: PixelStatistics,
): InputNormalisation => {
  if (source && normalise === undefined) return source.metadata.input;
  const how = normalise ?? (init === 'paper' ? 'mean' : 'mean-std');
  return {
    order: 'rgb',
    scale: 1,
    mean: statistics.mean,
    std: how === 'mean' ? [1, 1, 1] : statistics.std,
  };
};

const optionsOf = async (
  request: TrainRequest,
  net: Architecture,
  names: { classes: readonly string[]; superclasses: readonly string[] },
  source: Backbone | undefined,
  statistics: PixelStatistics,
): Promise<TrainingOptions> => {
  const side = defaultSide(net.inputSize);
  const { colourShift, rateFactors: factors, freeze } = request;
  return {
    net,
    ...names,
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
    sides: request.trainSide ?? [side, side],
    flip: request.flip,
    colour:
      colourShift > 0
        ? { strength: colourShift, spread: statistics.spread, axes: statistics.axes }
        : undefined,
    kernel: request.kernel,
    input: inputOf(request, source, statistics),
    seed: request.seed,
    factors: {
      ...(factors === undefined ? {} : rateFactors(net, factors)),
      ...(freeze === undefined ? {} : frozen(net, freeze)),
    },
    ...(source && { initialisedFrom: { file: source.path, sha256: await source.sha256() } }),
  };
};

/** Weights of the layers that are taken from another net; none for the others. */
const initialOf = (
  request: TrainRequest,
  net: Architecture,
  classes: readonly string[],
  source: Backbone,
): ((name: string) => Promise<Float32Array | undefined>) => {
  const layers = transferredLayers(source, net, {
    transfer: request.initLayers,
    classes,
    newClasses: request.classes === 'new',
  });
  request.note?.(`From ${source.path}: ${layers.join(', ')}`);
  const taken = new Set(layers);
  return async (name) => (taken.has(name.split('.')[0]!) ? source.read(name) : undefined);
};

const statisticsFor = (
  { statistics, out, onProgress }: TrainRequest,
  loader: Loader,
  examples: readonly Example[],
  sides: readonly [number, number],
): Promise<PixelStatistics> =>
  statistics === undefined
    ? measuredStatistics(loader, examples, { sides, out, onProgress })
    : readStatistics(statistics);

/** Opens everything, trains, and closes everything. */
export const trainOn = async (request: TrainRequest): Promise<TrainOutcome> => {
  const { out, seed, onProgress } = request;
  const source = request.initFrom === undefined ? undefined : await openBackbone(request.initFrom);
  const dataset = await openDataset(request.dataset, request.data, { ...(onProgress && { onProgress }) });
  requireClasses(dataset);
  const { classes } = dataset;
  const superclasses = request.superclassLoss > 0 ? superclassesOf(classes) : [];
  const parts = partsOf(dataset, request.validation, seed);
  const examples = {
    train: examplesOf(parts.train, classes, superclasses),
    validation: examplesOf(parts.validation, classes, superclasses),
  };
  const net = netOf(request, source, classes.length + superclasses.length);
  const initial = source && initialOf(request, net, classes, source);
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
    const statistics = await statisticsFor(request, loader, examples.train, sides);
    const options = await optionsOf(request, net, { classes, superclasses }, source, statistics);
    checkTraining(options);
    engine = await useEngine({
      engine: request.engine,
      threads: request.threads,
      ...(request.gpu !== undefined && { gpu: request.gpu }),
    });
    const result = await train(
      {
        tf: engine.tf,
        loader,
        ...examples,
        out,
        resume: request.resume ?? false,
        checkpointEvery: request.checkpointEvery,
        ...(initial && { initial }),
        ...(request.signal && { signal: request.signal }),
        ...(onProgress && { onProgress }),
      },
      options,
    );
    const images = { train: examples.train.length, validation: examples.validation.length };
    return { out, images, classes: classes.length, engine: engine.name, result };
  } catch (error) {
    throw outOfMemory(error, request.microBatch ?? request.batch) ?? error;
  } finally {
    engine?.close();
    await loader.close();
  }
};
