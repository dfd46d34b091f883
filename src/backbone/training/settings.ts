// The settings of one training run: its complete, checked options and the values that follow from the data
// and the net.
import { checkOptions } from '../../options.js';
import { expected, option } from '../../errors.js';
import type { Interpolation } from '../../interpolation.js';
import type { Architecture } from '../nets/architecture.js';
import type { BoxOutputs } from '../nets/box-parameters.js';
import type { InputNormalisation } from '../nets/backbone.js';
import type { Initialisation } from '../nets/initialisation.js';
import { type ColourAxes, checkSides } from './augmentation.js';
import { courseOptions, startOptions } from './options.js';
import type { Schedule } from './schedule.js';

/** Names are those of the options, if there is one. */
export interface TrainingSettings extends Schedule {
  readonly net: Architecture;
  /** Names of fc8's first outputs, in order. */
  readonly classes: readonly string[];
  /** Names of the outputs after them; empty without a superclass loss. */
  readonly superclasses: readonly string[];
  readonly superclassLoss: number;
  /** How the outputs are boxes, for localisation. */
  readonly boxes?: BoxOutputs | undefined;
  /** Share of the target that is spread evenly over all classes. */
  readonly labelSmoothing: number;
  readonly batch: number;
  /** Images that go through the net at once; the gradients of a batch's parts are added up. */
  readonly microBatch: number;
  readonly momentum: number;
  /** L2 multiplier on weights; biases are not decayed. */
  readonly weightDecay: number;
  /** Decay a step of the average of weights that is written and validated; 0 for none. */
  readonly averageWeights: number;
  /** Rate of dropout after fc6 and fc7. */
  readonly dropout: number;
  readonly init: Initialisation;
  readonly initStd: number;
  /** Smallest side S of the scaled training image: fixed, or uniform in a range. */
  readonly trainSide: readonly [number, number];
  readonly flip: boolean;
  /** Standard deviation of the shift along each colour axis, relative to the axis's own; 0 for none. */
  readonly colourShift: number;
  /** Required if colours are shifted. */
  readonly colourAxes?: ColourAxes | undefined;
  readonly interpolation: Interpolation;
  /** Rotate images by their EXIF orientation. */
  readonly orient?: boolean | undefined;
  readonly input: InputNormalisation;
  readonly seed: number;
  /** Learning-rate factors by tensor (`conv1_1.weight`); 0 freezes. From `rateFactors` and `freeze`. */
  readonly factors: Readonly<Record<string, number>>;
  /** Weight of the teacher's targets, if there is one, and the temperature of both soft-maxes. */
  readonly teacherWeight: number;
  readonly temperature: number;
  /** Name and checksum of the teacher. */
  readonly taughtBy?: { readonly file: string; readonly sha256: string } | undefined;
  /** Name and checksum of the initial weights. */
  readonly initialisedFrom?: { readonly file: string; readonly sha256: string } | undefined;
}

const { init, initStd } = startOptions;

/** @throws UsageError naming the option at fault */
export const checkSettings = (settings: TrainingSettings): void => {
  checkOptions({ ...courseOptions, init, initStd }, settings as unknown as Record<string, unknown>);
  const { batch, microBatch, trainSide, net, warmUp, epochs } = settings;
  if (microBatch > batch) {
    throw expected(`a whole number from 1 to the batch size ${batch}`, option('microBatch'), microBatch);
  }
  if (warmUp > 0 && warmUp >= epochs && epochs > 0) {
    throw expected(`a number below the ${epochs} epochs of the run`, option('warmUp'), warmUp);
  }
  checkSides(trainSide, net.inputSize);
};
