// What an epoch shows, in order: each image once, shuffled by seed, with its own scale, place, mirror and colour.
import { Random } from '../../random.js';
import { type Augmentation, centred, draw } from './augmentation.js';
import type { Dropout } from '../nets/forward.js';
import type { Example, Presentation } from './loader.js';
import type { TrainingOptions } from './options.js';

/** Splits into pieces of `size`; the last may be smaller. */
export const chunks = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));

const augmentationOf = ({ net, sides, flip, colour }: TrainingOptions): Augmentation => ({
  crop: net.inputSize,
  sides,
  flip,
  colour,
});

/**
 * The presentations of an epoch in order. They follow from the seed, the epoch and each image's id alone, so that a
 * resumed run sees the same.
 *
 * @param epoch counted from 0
 */
export const epochOf = (
  examples: readonly Example[],
  options: TrainingOptions,
  epoch: number,
): Presentation[] => {
  const augmentation = augmentationOf(options);
  return new Random(options.seed, 'order', epoch).shuffle(examples).map((example) => ({
    example,
    draw: draw(augmentation, new Random(options.seed, 'augment', epoch, example.id)),
  }));
};

/** The presentations that validate: one centred crop of each image, in the order given. */
export const validationOf = (examples: readonly Example[], options: TrainingOptions): Presentation[] => {
  const fixed = centred(augmentationOf(options));
  return examples.map((example) => ({ example, draw: fixed }));
};

/** Streams of dropout for one step; the parts of its batch go on where the last ended. */
export const dropoutOf = ({ seed, dropout }: TrainingOptions, step: number): Dropout | undefined =>
  dropout === 0
    ? undefined
    : {
        rate: dropout,
        streams: { fc6: new Random(seed, 'fc6', step), fc7: new Random(seed, 'fc7', step) },
      };
