// The recipe of a run as stored in checkpoints and backbone files. Names are those of version 0.1, so that
// files of all versions agree.
import { isRecord } from '../../checks.js';
import type { Message } from '../../errors.js';
import { type Work, differenceOf } from '../../io/work.js';
import type { TrainingSettings } from './settings.js';

/** Options that have a different name in the record. */
const optionNames: Readonly<Record<string, string>> = {
  superclassWeight: 'superclassLoss',
  decay: 'weightDecay',
  initialisation: 'init',
  initialStd: 'initStd',
  sides: 'trainSide',
  kernel: 'interpolation',
  factors: 'rateFactors',
};

/** Options that have the same name in the record. */
const isOption = new Set(
  'batch microBatch momentum dropout labelSmoothing averageWeights flip orient seed config width blocks inputSize fullyConnected batchNorm'.split(
    ' ',
  ),
);

/** All settings that determine the weights, except the number of epochs: a resumed run must have the same. */
export const recipeRecord = (settings: TrainingSettings): Record<string, unknown> => {
  const { net, schedule, learningRate, epochs, patience, decreases, colourShift, colourAxes } = settings;
  const { warmUp, labelSmoothing, averageWeights, taughtBy, teacherWeight, temperature } = settings;
  const dependsOnEpochs = schedule !== 'plateau' && schedule !== 'constant';
  return JSON.parse(
    JSON.stringify({
      classes: settings.classes.length,
      superclasses: settings.superclasses.length,
      superclassWeight: settings.superclassLoss,
      batch: settings.batch,
      microBatch: settings.microBatch,
      momentum: settings.momentum,
      decay: settings.weightDecay,
      dropout: settings.dropout,
      schedule: {
        ...{ name: schedule, rate: learningRate, patience, decreases },
        ...(dependsOnEpochs && { epochs }),
        ...(warmUp > 0 && { warmUp }),
      },
      ...(settings.boxes && { boxes: settings.boxes }),
      ...(labelSmoothing > 0 && { labelSmoothing }),
      ...(averageWeights > 0 && { averageWeights }),
      ...(taughtBy && { teacher: { ...taughtBy, weight: teacherWeight, temperature } }),
      initialisation: settings.init,
      initialStd: settings.initStd,
      sides: settings.trainSide,
      flip: settings.flip,
      ...(settings.orient && { orient: true }),
      ...(colourShift > 0 && colourAxes && { colour: { strength: colourShift, ...colourAxes } }),
      kernel: settings.interpolation,
      seed: settings.seed,
      factors: settings.factors,
      initialisedFrom: settings.initialisedFrom,
      ...net,
    }),
  ) as Record<string, unknown>;
};

/** A file of a record, known by its checksum. */
const content = ({ file, sha256 }: Readonly<Record<string, unknown>>) => ({ is: sha256, shown: file });

/** Entries of several options: their values by the options' names. */
const parts: Readonly<Record<string, (value: Readonly<Record<string, unknown>>) => Work>> = {
  schedule: ({ name, rate, ...others }) => ({ schedule: name, learningRate: rate, ...others }),
  teacher: ({ weight, temperature, ...file }) => ({
    ...{ teacher: content(file), teacherWeight: weight, temperature },
  }),
  colour: ({ strength, ...axes }) => ({ colourShift: strength, 'the colour axes': axes }),
  boxes: ({ regression, ...moments }) => ({ regression, 'the moments of the boxes': moments }),
  initialisedFrom: (file) => ({ initFrom: content(file) }),
};

/** A record by the names of the options; other entries keep theirs, with an article. */
const byOption = (record: Readonly<Record<string, unknown>>): Work =>
  Object.fromEntries(
    Object.entries(record).flatMap(([key, value]): [string, unknown][] => {
      const part = parts[key];
      if (part && isRecord(value)) return Object.entries(part(value));
      if (key === 'classes' || key === 'superclasses') return [[`the number of ${key}`, value]];
      return [[optionNames[key] ?? (isOption.has(key) ? key : `the ${key}`), value]];
    }),
  );

/** How two records differ; undefined if they agree. */
export const recordsDiffer = (
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): Message | undefined => differenceOf(byOption(before), byOption(now));
