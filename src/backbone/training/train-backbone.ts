// Training from items to a backbone file, with the paper's defaults: statistics, first weights, engine, training.
import { architecture, type Architecture } from '../nets/architecture.js';
import { type Backbone, openBackbone } from '../nets/backbone.js';
import { examplesOf, superclassesOf } from './examples.js';
import type { Initialisation } from '../nets/initialisation.js';
import { Loader } from './loader.js';
import type { ScheduleName } from './schedule.js';
import { type Normalisation, type TrainingOptions, checkTraining, defaultSide } from './options.js';
import type { TrainingResult } from './outcome.js';
import { train } from './trainer.js';
import { type Colours, coloursOf } from './colours.js';
import { trainDefaults } from './defaults.js';
import { type Transfer, frozen, rateFactors, transferredLayers } from './transfer.js';
import type { Item } from '../../datasets/dataset.js';
import { type Engine, outOfMemory, useEngine } from '../../engine/engine.js';
import { makeFolder } from '../../io/files.js';
import { type Interpolation, defaultInterpolation } from '../../interpolation.js';
import type { OnProgress } from '../../progress.js';

/** The images to train on: items of a data set, with its classes in index order. */
export interface TrainingData {
  readonly classes: readonly string[];
  readonly train: readonly Item[];
  /** May be empty: then the schedule follows the accuracy on the training images. */
  readonly validation: readonly Item[];
}

/** Everything that decides a training run; `docs/training.md` explains each. */
export interface TrainRequest {
  /** Folder of the results. */
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
  /** Default: that of `initFrom` where its file names it, else lanczos3. */
  readonly kernel?: Interpolation;
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

const optionsOf = async (
  request: TrainRequest,
  net: Architecture,
  names: { classes: readonly string[]; superclasses: readonly string[] },
  source: Backbone | undefined,
  colours: Colours,
  kernel: Interpolation,
): Promise<TrainingOptions> => {
  const side = defaultSide(net.inputSize);
  const { rateFactors: factors, freeze } = request;
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
    colour: colours.colour,
    kernel,
    input: { ...colours.input, interpolation: kernel },
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

/**
 * Trains a net and writes `backbone.safetensors`, checkpoints, logs and a report into `out` (paper, sections 2 and 3.1).
 *
 * @param data images with their classes, at least two
 * @param options what differs from {@link trainDefaults}; `out` is needed
 * @throws UsageError for options that do not fit; VerydeepError when training diverges or memory does not suffice
 */
export const trainBackbone = async (
  data: TrainingData,
  options: Partial<TrainRequest> & Pick<TrainRequest, 'out'>,
): Promise<TrainOutcome> => {
  const request: TrainRequest = { ...trainDefaults, ...options };
  const { out, onProgress } = request;
  const source = request.initFrom === undefined ? undefined : await openBackbone(request.initFrom);
  const { classes } = data;
  const superclasses = request.superclassLoss > 0 ? superclassesOf(classes) : [];
  const examples = {
    train: examplesOf(data.train, classes, superclasses),
    validation: examplesOf(data.validation, classes, superclasses),
  };
  const net = netOf(request, source, classes.length + superclasses.length);
  const initial = source && initialOf(request, net, classes, source);
  const kernel = request.kernel ?? source?.metadata.input.interpolation ?? defaultInterpolation;
  const side = defaultSide(net.inputSize);
  const sides = request.trainSide ?? ([side, side] as const);
  await makeFolder(out);
  const loader = new Loader({
    crop: net.inputSize,
    kernel,
    workers: request.workers,
    prefetch: request.prefetch,
    cacheBytes: request.cache * 2 ** 20,
  });
  let engine: Engine | undefined;
  try {
    const colours = await coloursOf(request, source, examples.train, { sides, kernel });
    const training = await optionsOf(request, net, { classes, superclasses }, source, colours, kernel);
    checkTraining(training);
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
        before: await source?.seen(),
        ...(request.signal && { signal: request.signal }),
        ...(onProgress && { onProgress }),
      },
      training,
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
