// What an epoch shows, in order: each image once, shuffled by seed, with its own scale, crop, mirror and colour.
import { Random } from '../../random.js';
import { type Augmentation, centred, draw } from './augmentation.js';
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

/**
 * The samples of an epoch in order. They follow from the seed, the epoch and each image's id alone, so that a
 * resumed run sees the same.
 *
 * @param epoch counted from 0
 */
export const epochOf = (
  examples: readonly Example[],
  settings: TrainingSettings,
  epoch: number,
): Sample[] => {
  const augmentation = augmentationOf(settings);
  return new Random(settings.seed, 'order', epoch).shuffle(examples).map((example) => ({
    example,
    draw: draw(augmentation, new Random(settings.seed, 'augment', epoch, example.id)),
  }));
};

/** The samples that validate: one centred crop of each image, in the order given. */
export const validationOf = (examples: readonly Example[], settings: TrainingSettings): Sample[] => {
  const fixed = centred(augmentationOf(settings));
  return examples.map((example) => ({ example, draw: fixed }));
};

/** Streams of dropout for one step; the parts of its batch go on where the last ended. */
export const dropoutOf = ({ seed, dropout }: TrainingSettings, step: number): Dropout | undefined =>
  dropout === 0
    ? undefined
    : {
        rate: dropout,
        streams: { fc6: new Random(seed, 'fc6', step), fc7: new Random(seed, 'fc7', step) },
      };
