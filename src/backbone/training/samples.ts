// The samples of an epoch in order: each image once, shuffled by seed, with its own scale, crop, mirror and
// colour.
import { Random } from '../../random.js';
import { type Augmentation, type Draw, centred, draw } from './augmentation.js';
import { standardised } from '../nets/box-parameters.js';
import { boxInCrop } from './box-targets.js';
import type { Dropout } from '../nets/forward.js';
import type { Example, Sample } from './loader.js';
import type { TrainingSettings } from './settings.js';

/** Splits into pieces of `size`; the last may be smaller. */
export const chunks = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));

const augmentationOf = ({
  net,
  trainSide,
  flip,
  colourShift,
  colourAxes,
}: TrainingSettings): Augmentation => ({
  crop: net.inputSize,
  trainSide,
  flip,
  colourShift,
  colourAxes,
});

/** A draw of an example, with its box moved along. */
const sampleOf = (example: Example, drawn: Draw, { net, boxes }: TrainingSettings): Sample =>
  boxes && example.truth
    ? { example, draw: drawn, box: standardised(boxInCrop(example.truth, drawn, net.inputSize), boxes) }
    : { example, draw: drawn };

/**
 * The samples of an epoch in order. They depend only on the seed, the epoch and each image's id, so that a
 * resumed run gets the same.
 *
 * @param epoch counted from 0
 */
export const epochOf = (
  examples: readonly Example[],
  settings: TrainingSettings,
  epoch: number,
): Sample[] => {
  const augmentation = augmentationOf(settings);
  return new Random(settings.seed, 'order', epoch)
    .shuffle(examples)
    .map((example) =>
      sampleOf(
        example,
        draw(augmentation, new Random(settings.seed, 'augment', epoch, example.id)),
        settings,
      ),
    );
};

/** The validation samples: one centred crop of each image, in the given order. */
export const validationOf = (examples: readonly Example[], settings: TrainingSettings): Sample[] => {
  const fixed = centred(augmentationOf(settings));
  return examples.map((example) => sampleOf(example, fixed, settings));
};

/**
 * Random streams of dropout for one step: a row of units for each place in the batch. Each part of the batch continues the streams of the
 * previous part.
 */
export const dropoutOf = ({ seed, dropout }: TrainingSettings, step: number): Dropout | undefined =>
  dropout === 0
    ? undefined
    : {
        rate: dropout,
        streams: { fc6: new Random(seed, 'fc6', step), fc7: new Random(seed, 'fc7', step) },
      };

/** Passes over the rows of places in a batch that other parts have, or whose images cannot be read. */
export const skipRows = (dropout: Dropout | undefined, rows: number, units: number): void => {
  for (const stream of Object.values(dropout?.streams ?? {})) stream.skip(rows * units);
};
