// The boxes that a net in training is to predict: the largest of each image's class, moved along with scale, crop and mirror.
import { type Located, type TrueBox, countNotes, largestOf, locate } from '../boxes/located.js';
import type { Item } from '../../datasets/dataset.js';
import { UsageError, expected, option, text } from '../../errors.js';
import { sizeForSmallestSide } from '../../images/resize.js';
import {
  type BoxNumbers,
  type BoxOutputs,
  type CropPlace,
  momentsOf,
  relativeTo,
} from '../nets/box-parameters.js';
import { type Draw, cornerOf } from './augmentation.js';
import type { Example } from './loader.js';

/** Where a draw's crop lies in its image. */
export const placeOf = ({ width, height }: TrueBox['size'], draw: Draw, side: number): CropPlace => {
  const scaled = sizeForSmallestSide(width, height, draw.side);
  return {
    ...cornerOf(scaled, side, draw),
    ...{ side, flip: draw.flip, scaleX: scaled.width / width, scaleY: scaled.height / height },
  };
};

/** Parameters of the true box in a draw's crop, not standardised. */
export const boxInCrop = ({ box, size }: TrueBox, draw: Draw, side: number): BoxNumbers =>
  relativeTo(box, placeOf(size, draw, side));

/** Mean and deviation of the parameters over the training set's central crops. */
export const boxMoments = (
  examples: readonly Example[],
  draw: Draw,
  side: number,
): Pick<BoxOutputs, 'mean' | 'std'> => momentsOf(examples.map(({ truth }) => boxInCrop(truth!, draw, side)));

/** Items with a box of each of their classes, one for each class, as they train. */
interface BoxItems {
  readonly items: readonly Item[];
  readonly truths: ReadonlyMap<Item, TrueBox>;
}

const itemsOf = (located: readonly Located[]): BoxItems => {
  const truths = new Map<Item, TrueBox>();
  for (const { item, label, size, boxes } of located) {
    const { path, source } = item;
    const id = item.labels.length > 1 ? `${item.id}#${label}` : item.id;
    const box = largestOf(boxes);
    truths.set({ id, path, source, labels: [label], box }, { box, size });
  }
  return { items: [...truths.keys()], truths };
};

/**
 * The images that train boxes: an image of several classes for each that has a box in it.
 *
 * @throws UsageError if there is none, or naming a class of per-class regression that has no box
 */
export const boxItems = async (
  parts: { readonly train: readonly Item[]; readonly validation: readonly Item[] },
  classes: readonly string[],
  regression: BoxOutputs['regression'],
  watch: {
    readonly note?: ((text: string) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<{ train: BoxItems; validation: BoxItems; without: { train: number; validation: number } }> => {
  const train = await locate(parts.train, watch.signal);
  const validation = await locate(parts.validation, watch.signal);
  for (const note of countNotes('Training images', train.counts)) watch.note?.(note);
  if (parts.validation.length > 0)
    for (const note of countNotes('Validation images', validation.counts)) watch.note?.(note);
  if (train.located.length === 0)
    throw expected('training images with a box', option('data'), 'none', 'Localisation learns from boxes.');
  const having = new Set(train.located.map(({ label }) => label));
  const present = new Set(parts.train.flatMap(({ labels }) => labels));
  const lacking = classes.filter((name) => present.has(name) && !having.has(name));
  if (regression === 'pcr' && lacking.length > 0) {
    const example = parts.train.find(({ labels }) => labels.includes(lacking[0]!));
    throw new UsageError(
      text`Expected a box of each class for ${option('regression')} pcr but no training image of ${lacking.slice(0, 3).join('; ')}${lacking.length > 3 ? ` and ${lacking.length - 3} more` : ''} has one${example ? `, such as ${example.path}` : ''}. Leave out the class, or give ${option('regression')} scr.`,
    );
  }
  return {
    train: itemsOf(train.located),
    validation: itemsOf(validation.located),
    without: { train: train.counts.without, validation: validation.counts.without },
  };
};
