// Every choice of the training recipe (paper, section 3.1), with the paper's values as defaults, and their checks.
import { type OptionName, expected, option } from '../../errors.js';
import type { Interpolation } from '../../interpolation.js';
import type { Architecture } from '../nets/architecture.js';
import { type ColourShift, checkSides } from './augmentation.js';
import type { InputNormalisation } from '../nets/backbone.js';
import { type Initialisation, PAPER_STD, initialisations } from '../nets/initialisation.js';
import { type Schedule, checkSchedule } from './schedule.js';

/** `mean` subtracts the training set's mean RGB (the paper); `mean-std` also divides by its standard deviation. */
export const normalisations = ['mean', 'mean-std'] as const;
export type Normalisation = (typeof normalisations)[number];

export interface TrainingOptions {
  readonly net: Architecture;
  /** Names of fc8's first outputs, in order. */
  readonly classes: readonly string[];
  /** Names of the outputs after them; empty without a superclass loss. */
  readonly superclasses: readonly string[];
  readonly superclassWeight: number;
  readonly batch: number;
  /** Images that go through the net at once; gradients of the parts of a batch are added up. */
  readonly microBatch: number;
  readonly momentum: number;
  /** L2 multiplier on weights; biases are not decayed. */
  readonly decay: number;
  /** Rate of dropout after fc6 and fc7. */
  readonly dropout: number;
  readonly schedule: Schedule;
  readonly initialisation: Initialisation;
  readonly initialStd: number;
  /** Smallest side S of the scaled training image: fixed, or uniform in a range. */
  readonly sides: readonly [number, number];
  readonly flip: boolean;
  readonly colour: ColourShift | undefined;
  readonly kernel: Interpolation;
  readonly input: InputNormalisation;
  readonly seed: number;
  /** Learning-rate factors by tensor (`conv1_1.weight`); 0 freezes. */
  readonly factors: Readonly<Record<string, number>>;
  /** Name and checksum of the weights that training starts from. */
  readonly initialisedFrom?: { readonly file: string; readonly sha256: string } | undefined;
}

/** The paper's values of what does not depend on data or net. */
export const paperDefaults = {
  superclassWeight: 0,
  batch: 256,
  momentum: 0.9,
  decay: 5e-4,
  dropout: 0.5,
  learningRate: 1e-2,
  epochs: 74,
  decreases: 3,
  patience: 5,
  initialisation: 'paper',
  initialStd: PAPER_STD,
  colourStrength: 0.1,
  /** S as a part of the input size: 256 for 224. */
  side: 256 / 224,
} as const;

/** S = 256 for an input of 224 pixels, in proportion for others. */
export const defaultSide = (inputSize: number): number => Math.round(inputSize * paperDefaults.side);

/** @throws UsageError naming the option at fault */
export const checkTraining = (options: TrainingOptions): void => {
  const check = (ok: boolean, what: string, name: OptionName, value: unknown) => {
    if (!ok) throw expected(what, name, value);
  };
  const whole = (value: number) => Number.isInteger(value) && value >= 1;
  const { batch, microBatch, momentum, decay, dropout, superclassWeight, initialisation } = options;
  check(whole(batch), 'a whole number of at least 1', option('batch'), batch);
  check(
    whole(microBatch) && microBatch <= batch,
    `a whole number from 1 to the batch size ${batch}`,
    option('microBatch'),
    microBatch,
  );
  check(momentum >= 0 && momentum < 1, 'a number from 0 to below 1', option('momentum'), momentum);
  check(decay >= 0 && Number.isFinite(decay), 'a number of at least 0', option('weightDecay'), decay);
  check(dropout >= 0 && dropout < 1, 'a number from 0 to below 1', option('dropout'), dropout);
  check(superclassWeight >= 0, 'a number of at least 0', option('superclassLoss'), superclassWeight);
  check(
    initialisations.includes(initialisation),
    `one of ${initialisations.join(', ')}`,
    option('init'),
    initialisation,
  );
  checkSides(options.sides, options.net.inputSize);
  checkSchedule(options.schedule);
};

/** What a run that continues another must have in common with it: all that decides the weights, but the epochs' end. */
export const fingerprint = (options: TrainingOptions): Record<string, unknown> => {
  const { net, classes, superclasses, schedule } = options;
  const { epochs, ...course } = schedule;
  return JSON.parse(
    JSON.stringify({
      ...options,
      net: undefined,
      input: undefined,
      ...net,
      classes: classes.length,
      superclasses: superclasses.length,
      schedule: {
        ...course,
        ...(schedule.name === 'cosine' || schedule.name === 'linear' ? { epochs } : {}),
      },
    }),
  ) as Record<string, unknown>;
};

/** The first option in which two fingerprints differ, in words; undefined if they agree. */
export const firstDifference = (
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): string | undefined => {
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [a, b] = [before[key], now[key]].map((value) => JSON.stringify(value ?? null));
    if (a !== b) return `${key}: ${a} before, ${b} now`;
  }
  return undefined;
};
