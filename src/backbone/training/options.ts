// Options of training. Defaults are the paper's (section 3.1) unless they depend on the data.
import { usableCores } from '../../cores.js';
import { option, text } from '../../errors.js';
import { rankOptions } from '../../engine/communicator/options.js';
import { computeOptions, engineOptions } from '../../engine/options.js';
import { interpolations } from '../../interpolation.js';
import { type Kind, type OptionTable, type OptionsOf, commonOptions, kinds } from '../../options.js';
import { PAPER_STD, initialisations } from '../nets/initialisation.js';
import { regressions } from '../nets/box-parameters.js';
import { netOptions } from '../nets/options.js';
import { schedules } from './schedule.js';
import { transfers } from './transfer.js';

/** `mean` subtracts the training set's mean RGB (the paper); `mean-std` also divides by its standard deviation. */
const normalisations = ['mean', 'mean-std'] as const;

/** S relative to the input size: 256 for 224. */
const SIDE = 256 / 224;

/** S = 256 for an input of 224 pixels, in proportion for others. */
export const defaultSide = (inputSize: number): number => Math.round(inputSize * SIDE);

/** S, or S1-S2, in pixels. */
const sides: Kind<readonly [number, number]> = {
  value: 's',
  what: 'S or S1-S2 in pixels',
  parse: (given) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(given.trim());
    return match ? [Number(match[1]), Number(match[2] ?? match[1])] : undefined;
  },
  holds: (given) => Array.isArray(given) && given.length === 2 && given.every(Number.isInteger),
};

const tasks = ['classification', 'localisation'] as const;

/** What the net learns. */
const taskOptions = {
  task: {
    kind: kinds.choice(tasks, 'what'),
    help: 'what the net predicts: classes, or the box of a class',
    default: 'classification',
  },
  regression: {
    kind: kinds.choice(regressions, 'how'),
    help: 'localisation: a box for each class (per-class regression), or one for all (single-class regression)',
    default: 'pcr',
    paper: 'pcr',
  },
  tune: {
    kind: kinds.choice(['all', 'fc'], 'layers'),
    help: 'layers that are trained: all, or only the fully-connected ones',
    default: 'all',
    paper: 'all',
  },
} as const satisfies OptionTable;

/** The initial learning rate of a task. */
export const rateOf = ({
  task,
  learningRate,
}: Pick<Partial<TrainingOptions>, 'task' | 'learningRate'>): number =>
  learningRate ?? (task === 'localisation' ? 1e-3 : 1e-2);

/** Options of the initial weights. */
export const startOptions = {
  init: {
    kind: kinds.choice(initialisations, 'method'),
    help: 'random weights: normal (paper), Glorot, He',
    default: 'paper',
    paper: 'paper',
  },
  initStd: {
    kind: kinds.number({ above: 0 }),
    help: text`standard deviation of ${option('init')} paper`,
    default: PAPER_STD,
    paper: 'variance 0.01',
  },
  initFrom: { kind: kinds.file(), help: 'initialise from another net (.safetensors, or builtin)' },
  initLayers: {
    kind: kinds.choice(transfers, 'which'),
    help: text`with ${option('initFrom')}: layers to take: all, or the paper's first four convolutional and the fully-connected ones; auto: all if the config is the same`,
    default: 'auto',
    paper: 'paper',
  },
  teacher: {
    kind: kinds.file(),
    help: 'distillation: a trained net of the same classes and input size, whose scores of the same crops are targets too (.safetensors)',
    paper: 'none',
  },
  classes: {
    kind: kinds.choice(['same', 'new'], 'which'),
    help: text`with ${option('initFrom')}: new replaces the last layer, for other classes`,
    default: 'same',
  },
  freeze: {
    kind: kinds.text('layers'),
    help: 'layers that are not trained, e.g. conv1-conv4 or conv1_1,fc6',
  },
  rateFactors: {
    kind: kinds.text('list'),
    help: 'learning-rate factors of layers, e.g. fc8=10, or fc8=10:20 for weights and biases (as in Caffe)',
  },
} as const satisfies OptionTable;

/** Options of the optimisation. */
export const courseOptions = {
  epochs: {
    kind: kinds.whole({ from: 0 }),
    help: 'maximum number of epochs; 0 writes the untrained net',
    default: 74,
    paper: '74',
  },
  batch: { kind: kinds.whole(), help: 'images per step', default: 256, paper: '256' },
  microBatch: {
    incidental: true,
    kind: kinds.auto(kinds.whole()),
    help: text`images in the net at once; gradients are accumulated over ${option('batch')}; auto: as many as memory allows`,
    default: 'auto',
  },
  learningRate: {
    kind: kinds.number({ above: 0 }),
    help: 'initial learning rate',
    otherwise: '0.01; 0.001 for localisation',
    paper: '0.01; 0.001 for localisation',
  },
  schedule: {
    kind: kinds.choice(schedules),
    help: text`learning-rate schedule: divide by 10 when validation accuracy stops improving (plateau) or ${option('decreases')} times at equal distances (steps), or decay smoothly to 0 (cosine, linear)`,
    default: 'plateau',
    paper: 'plateau',
  },
  warmUp: {
    kind: kinds.number({ from: 0, value: 'epochs' }),
    help: 'epochs over which the learning rate rises linearly to its initial value, e.g. 0.5; the schedule begins after them',
    default: 0,
    paper: 'none',
  },
  patience: {
    kind: kinds.whole({ value: 'epochs' }),
    help: 'plateau: epochs without a new best accuracy',
    default: 5,
  },
  decreases: {
    kind: kinds.whole({ from: 0 }),
    help: 'plateau: number of decreases before training ends; steps: number of decreases',
    default: 3,
    paper: '3',
  },
  momentum: {
    kind: kinds.number({ from: 0, below: 1 }),
    help: 'momentum',
    default: 0.9,
    paper: '0.9',
  },
  weightDecay: {
    kind: kinds.number({ from: 0 }),
    help: 'L2 multiplier on weights (biases are not decayed)',
    default: 5e-4,
    paper: '0.0005',
  },
  averageWeights: {
    kind: kinds.number({ from: 0, below: 1, value: 'decay' }),
    help: 'write and validate an exponential average of the weights with this decay a step, e.g. 0.999; 0 for none',
    default: 0,
    paper: 'none',
  },
  dropout: {
    kind: kinds.number({ from: 0, below: 1, value: 'rate' }),
    help: 'dropout after fc6 and fc7',
    default: 0.5,
    paper: '0.5',
  },
  labelSmoothing: {
    kind: kinds.number({ from: 0, below: 1 }),
    help: 'share of the target that is spread evenly over all classes',
    default: 0,
    paper: 'none',
  },
  teacherWeight: {
    kind: kinds.number({ from: 0, below: 1, value: 'weight' }),
    help: text`with ${option('teacher')}: weight of its targets; the labels have the rest`,
    default: 0.5,
  },
  temperature: {
    kind: kinds.number({ above: 0 }),
    help: text`with ${option('teacher')}: divisor of both nets' scores in its targets`,
    default: 4,
  },
  superclassLoss: {
    kind: kinds.number({ from: 0, value: 'weight' }),
    help: 'weight of a second cross-entropy, on the parent folder of nested classes',
    default: 0,
    paper: 'none',
  },
  trainSide: {
    kind: sides,
    help: 'smallest side S of training images, or a range S1-S2 (scale jittering)',
    otherwise: '256 for input 224, in proportion for others',
    paper: '256, 384 or 256-512',
  },
  flip: { kind: kinds.flag(), help: 'do not mirror images at random', default: true, paper: 'mirrored' },
  colourShift: {
    kind: kinds.number({ from: 0 }),
    help: 'standard deviation of the RGB shift along the colour axes; 0 for none',
    default: 0.1,
    paper: '0.1',
  },
  statistics: {
    kind: kinds.file(),
    help: 'read mean and colour axes from a file of `verydeep datasets stats` instead of measuring them',
  },
  normalise: {
    kind: kinds.choice(normalisations, 'how'),
    help: 'subtract the mean RGB, or also divide by the standard deviation',
    otherwise: text`that of ${option('initFrom')}, mean with ${option('init')} paper, else mean-std`,
    paper: 'mean',
  },
  interpolation: {
    kind: kinds.choice(interpolations),
    help: 'interpolation for resizing',
    otherwise: text`that of ${option('initFrom')} if its file names one, else lanczos3`,
    formerly: ['kernel'],
  },
  orient: { kind: kinds.flag(), help: 'turn images as their EXIF orientation says' },
  seed: commonOptions.seed,
} as const satisfies OptionTable;

/** Options of the machine; they change the weights in the last bits at most. */
const loopOptions = {
  checkpointEvery: {
    incidental: true,
    kind: kinds.whole({ from: 0, value: 'steps' }),
    help: 'steps between checkpoints; 0 saves one at the end of each epoch only',
    default: 1000,
  },
  cache: {
    incidental: true,
    kind: kinds.whole({ from: 0, value: 'MB' }),
    help: 'memory for the images of small data sets: scaled where S is fixed, else decoded if they are hardly larger than S',
    default: 1024,
  },
  prefetch: { kind: kinds.whole(), help: 'batches prepared ahead', default: 3 },
  workers: {
    incidental: true,
    kind: kinds.whole(),
    help: 'worker threads that prepare images',
    default: Math.max(1, Math.min(8, usableCores() - 1)),
    otherwise: 'number of cores minus 1, at most 8',
  },
  ...engineOptions,
  ...computeOptions,
  ...rankOptions,
} as const satisfies OptionTable;

/** All options of a training run. */
export const trainingOptions = {
  ...taskOptions,
  ...netOptions,
  ...startOptions,
  ...courseOptions,
  ...loopOptions,
} as const satisfies OptionTable;

export type TrainingOptions = OptionsOf<typeof trainingOptions>;
