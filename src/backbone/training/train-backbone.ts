// Training from items to a backbone file, with the paper's defaults: engine, memory, statistics, initial weights,
// training.
import { architecture, type Architecture, weightedLayersOf } from '../nets/architecture.js';
import { type Backbone, openBackbone } from '../nets/backbone.js';
import { backboneFile } from '../nets/builtin.js';
import type { BoxOutputs } from '../nets/box-parameters.js';
import { checkSides } from './augmentation.js';
import { claimTraining, workOf } from './claim.js';
import type { TrainOutcome, TrainRun, TrainingData } from './training-run.js';
import { examplesOf, superclassesOf } from './examples.js';
import { Loader } from './loader.js';
import { microBatchOf } from './micro-batch.js';
import { agree, gpuOf } from './rank-share.js';
import { type TrainRank, trainInThreads } from './rank-threads.js';
import { checkTeacher } from './teacher.js';
import { type TrainingOptions, defaultSide, rateOf, trainingOptions } from './options.js';
import { type TrainingSettings, checkSettings } from './settings.js';
import { boxOutputsOf, checkTask, isLastLayerNew, outputsFor, taskData } from './task.js';
import { train } from './trainer.js';
import { type Colours, coloursOf } from './colours.js';
import { frozen, rateFactors, transferredLayers } from './transfer.js';
import { fromFirst } from '../../engine/communicator/communicator.js';
import { single } from '../../engine/communicator/single.js';
import { type Engine, outOfMemory, useEngine } from '../../engine/engine.js';
import { expected, option } from '../../errors.js';
import { type Interpolation, defaultInterpolation } from '../../interpolation.js';
import type { Work } from '../../io/work.js';
import { checkOptions, withDefaults } from '../../options.js';
import { version } from '../../version.js';

export type { TrainOutcome, TrainingData, TrainRun } from './training-run.js';

/** The range of S: the given one, else the paper's 256 in proportion to the net's input size. */
const trainSideOf = ({ trainSide }: TrainingOptions, net: Architecture): readonly [number, number] => {
  const side = defaultSide(net.inputSize);
  return trainSide ?? [side, side];
};

/** The architecture: from the options, else from the initial net, else the paper's values. */
const netOf = (options: TrainingOptions, source: Backbone | undefined, outputs: number): Architecture => {
  const known = source?.metadata.architecture;
  const pick = <K extends 'width' | 'blocks' | 'inputSize' | 'fullyConnected'>(key: K) => {
    const value = options[key] ?? known?.[key];
    return value === undefined ? {} : { [key]: value };
  };
  return architecture({
    config: options.config ?? known?.config ?? 'A',
    ...pick('width'),
    ...pick('blocks'),
    ...pick('inputSize'),
    ...pick('fullyConnected'),
    outputs,
    ...(options.batchNorm && { batchNorm: true }),
  });
};

/** A net in the record of a run. */
const named = async (net: Backbone): Promise<{ file: string; sha256: string }> => ({
  ...{ file: net.path, sha256: await net.sha256() },
});

/** The convolutions, as a list of layers names them. */
const convolutionsOf = (net: Architecture): string => {
  const names = weightedLayersOf(net).flatMap(({ kind, name }) => (kind === 'conv' ? [name] : []));
  return `${names[0]!}-${names.at(-1)!}`;
};

/** Learning-rate factors by tensor; 0 freezes. */
const factorsOf = (
  { rateFactors: factors, freeze, tune }: TrainingOptions,
  net: Architecture,
): TrainingSettings['factors'] => ({
  ...(factors === undefined ? {} : rateFactors(net, factors)),
  ...(freeze === undefined ? {} : frozen(net, freeze)),
  ...(tune === 'fc' ? frozen(net, convolutionsOf(net)) : {}),
});

const settingsOf = async (
  options: TrainingOptions & { readonly microBatch: number; readonly boxes: BoxOutputs | undefined },
  net: Architecture,
  factors: TrainingSettings['factors'],
  names: { classes: readonly string[]; superclasses: readonly string[] },
  { source, teacher }: { readonly source: Backbone | undefined; readonly teacher: Backbone | undefined },
  { input, colourAxes }: Colours,
  interpolation: Interpolation,
): Promise<TrainingSettings> => ({
  ...options,
  ...names,
  learningRate: rateOf(options),
  net,
  trainSide: trainSideOf(options, net),
  colourAxes,
  interpolation,
  input: { ...input, interpolation },
  factors,
  ...(source && { initialisedFrom: await named(source) }),
  ...(teacher && { taughtBy: await named(teacher) }),
});

/** Weights of the layers taken from another net; undefined for the others. */
const initialOf = (
  options: TrainingOptions,
  net: Architecture,
  classes: readonly string[],
  source: Backbone,
  note: TrainRun['note'],
): ((name: string) => Promise<Float32Array | undefined>) => {
  const layers = transferredLayers(source, net, {
    transfer: options.initLayers,
    classes,
    newClasses: isLastLayerNew(source, options, classes),
  });
  note?.(`From ${source.path}: ${layers.join(', ')}`);
  const taken = new Set(layers);
  return async (name) => (taken.has(name.split('.')[0]!) ? source.read(name) : undefined);
};

/** What all ranks must have alike. */
const agreedWork = async (
  data: TrainingData,
  { microBatch, epochs, checkpointEvery, ...given }: TrainingOptions & Pick<TrainRun, 'source'>,
  engine: Engine,
): Promise<Work> => ({
  'the version': version,
  'the engine': engine.name,
  threads: engine.threads,
  ...{ microBatch, epochs, checkpointEvery },
  ...(await workOf(data, given)),
});

/**
 * Trains a net and writes `backbone.safetensors`, checkpoints, logs and a report into `out` (paper, sections
 * 2 and 3.1). Several ranks that train together give the bytes of one; rank 0 writes.
 *
 * @param data images with their classes, at least two
 * @param options values that differ from the defaults of {@link trainingOptions}, and the output folder `out`
 * @throws UsageError for incompatible options; VerydeepError when training diverges or memory is insufficient
 */
export const trainBackbone = async (
  data: TrainingData,
  given: Partial<TrainingOptions> & TrainRun,
): Promise<TrainOutcome> => {
  const { ranks = 1, communicator } = given;
  checkOptions(trainingOptions, { ...given });
  if (!communicator) return ranks > 1 ? trainInThreads(data, given, trainRank) : trainRank(data, given);
  if (ranks > 1 && ranks !== communicator.size) {
    throw expected(
      `the number of ranks that were started, ${communicator.size}, or nothing`,
      option('ranks'),
      ranks,
    );
  }
  return trainRank(data, given);
};

/** Trains as one rank. */
const trainRank: TrainRank = async (
  data: TrainingData,
  {
    out,
    resume,
    force,
    source: origin,
    onProgress,
    note,
    signal,
    communicator = single,
    ...asked
  }: Partial<TrainingOptions> & TrainRun,
): Promise<TrainOutcome> => {
  const given = {
    ...asked,
    ...(asked.initFrom !== undefined && { initFrom: await backboneFile(asked.initFrom) }),
    ...(asked.teacher !== undefined && { teacher: await backboneFile(asked.teacher) }),
  };
  const options = withDefaults(trainingOptions, given);
  const source =
    options.initFrom === undefined ? undefined : await openBackbone(options.initFrom, option('initFrom'));
  const teacher =
    options.teacher === undefined ? undefined : await openBackbone(options.teacher, option('teacher'));
  checkTask(options);
  const images = await taskData(data, options, { note, signal });
  const { classes } = images;
  const superclasses = options.superclassLoss > 0 ? superclassesOf(classes) : [];
  const examples = {
    train: examplesOf(images.train, classes, superclasses, images.truths),
    validation: examplesOf(images.validation, classes, superclasses, images.truths),
  };
  const net = netOf(options, source, outputsFor(options, classes.length, superclasses.length));
  if (teacher) checkTeacher(teacher, net.inputSize, classes);
  const initial = source && initialOf(options, net, classes, source, note);
  const interpolation = options.interpolation ?? source?.metadata.input.interpolation ?? defaultInterpolation;
  checkSides(trainSideOf(options, net), net.inputSize);
  const engine = await useEngine({
    engine: options.engine,
    // As a process that trains alone: in the last bits, products depend on the number of threads.
    threads: options.threads,
    device: options.device,
    compute: options.compute,
    ...(communicator.local.size > 1 && { gpu: gpuOf(communicator, process.env['CUDA_VISIBLE_DEVICES']) }),
    ...(options.gpu !== undefined && { gpu: options.gpu }),
  });
  const loader = new Loader({
    crop: net.inputSize,
    interpolation,
    orient: options.orient,
    workers: options.workers,
    prefetch: options.prefetch,
    cacheBytes: options.cache * 2 ** 20,
  });
  let microBatch = options.batch;
  try {
    const { size } = communicator;
    if (size > 1) {
      const work = await agreedWork(data, { ...options, ...(origin && { source: origin }) }, engine);
      await agree(communicator, work);
    }
    const factors = factorsOf(options, net);
    microBatch = await microBatchOf(
      {
        ...{ ...options, net, trainSide: trainSideOf(options, net), factors },
        ...(teacher && { teacherNet: teacher.metadata.architecture }),
      },
      { train: examples.train.length, validation: examples.validation.length },
      engine,
      communicator,
      { out, resume: resume ?? false, ...(note && { note }) },
    );
    if (size > 1)
      note?.(
        `${size} ranks: the bytes are those of one process with micro-batches of ${microBatch} images and ${options.threads} threads${communicator.isExact ? '' : ', but for the last bits: the sum is not exact'}.`,
      );
    const isContinued = await fromFirst(communicator, () =>
      claimTraining(images, { ...given, ...{ out, resume, force }, ...(origin && { source: origin }) }),
    );
    const watch = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
    const colours = await coloursOf({ ...options, out }, source, examples.train, {
      trainSide: trainSideOf(options, net),
      interpolation,
      orient: options.orient,
      workers: options.workers,
      communicator,
      ...watch,
    });
    const names = { classes, superclasses };
    const settings = await settingsOf(
      {
        ...{ ...options, microBatch },
        boxes: boxOutputsOf(
          options,
          source,
          classes,
          examples.train,
          net.inputSize,
          trainSideOf(options, net),
        ),
      },
      net,
      factors,
      names,
      { source, teacher },
      colours,
      interpolation,
    );
    checkSettings(settings);
    const result = await train(
      {
        tf: engine.tf,
        communicator,
        loader,
        ...examples,
        out,
        resume: isContinued,
        checkpointEvery: options.checkpointEvery,
        before: await source?.seen(),
        ...(initial && { initial }),
        ...(teacher && { teacher }),
        ...watch,
      },
      settings,
    );
    const counts = { train: examples.train.length, validation: examples.validation.length };
    const { without } = images;
    return {
      ...{ out, images: counts, ...(without && { withoutBox: without }), classes: classes.length },
      ...{ engine: engine.name, microBatch, result },
    };
  } catch (error) {
    throw outOfMemory(error, microBatch) ?? error;
  } finally {
    engine.close();
    await loader.close();
  }
};
