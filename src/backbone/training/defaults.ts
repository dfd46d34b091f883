// The defaults of a training run: the paper's recipe on all cores.
import { availableParallelism } from 'node:os';
import type { TrainRequest } from './train-backbone.js';
import { paperDefaults } from './options.js';

/** What a run does unless told otherwise: the paper's recipe (section 3.1), on all cores but one for images. */
export const trainDefaults = {
  init: paperDefaults.initialisation,
  initStd: paperDefaults.initialStd,
  initLayers: 'auto',
  classes: 'same',
  epochs: paperDefaults.epochs,
  batch: paperDefaults.batch,
  learningRate: paperDefaults.learningRate,
  schedule: 'plateau',
  patience: paperDefaults.patience,
  decreases: paperDefaults.decreases,
  momentum: paperDefaults.momentum,
  weightDecay: paperDefaults.decay,
  dropout: paperDefaults.dropout,
  superclassLoss: paperDefaults.superclassWeight,
  flip: true,
  colourShift: paperDefaults.colourStrength,
  seed: 1,
  checkpointEvery: 1000,
  cache: 1024,
  prefetch: 3,
  workers: Math.max(1, Math.min(8, availableParallelism() - 1)),
  engine: 'auto',
  threads: availableParallelism(),
} as const satisfies Partial<TrainRequest>;
