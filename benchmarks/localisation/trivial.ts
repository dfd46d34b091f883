// Answers that need no net: the whole image, the mean box of the training set, and that of each class.
import { wholePixels } from '../../src/backbone/boxes/localiser.js';
import type { Located, Size } from '../../src/backbone/boxes/located.js';
import { largestOf } from '../../src/backbone/boxes/located.js';
import type { Box } from '../../src/datasets/dataset.js';

/** A box for a class in an image of some size. */
export interface TrivialAnswer {
  readonly name: string;
  boxOf(label: string, size: Size): Box;
}

/** Centre and size as shares of the image. */
const sharesOf = ({ boxes, size }: Located): number[] => {
  const { x, y, width, height } = largestOf(boxes);
  return [
    (x + width / 2) / size.width,
    (y + height / 2) / size.height,
    width / size.width,
    height / size.height,
  ];
};

const meanOf = (all: readonly number[][]): number[] =>
  [0, 1, 2, 3].map((i) => all.reduce((sum, shares) => sum + shares[i]!, 0) / all.length);

const boxIn = ([cx, cy, w, h]: readonly number[], size: Size): Box =>
  wholePixels(
    {
      ...{ x: (cx! - w! / 2) * size.width, y: (cy! - h! / 2) * size.height },
      ...{ width: w! * size.width, height: h! * size.height },
    },
    size,
  );

/** The answers; those of means need training images with boxes. */
export const trivialAnswers = (train: readonly Located[]): TrivialAnswer[] => {
  const whole: TrivialAnswer = {
    name: 'the whole image',
    boxOf: (_, { width, height }) => ({ x: 0, y: 0, width, height }),
  };
  if (train.length === 0) return [whole];
  const byClass = new Map<string, number[][]>();
  for (const each of train) {
    const own = byClass.get(each.label);
    if (own) own.push(sharesOf(each));
    else byClass.set(each.label, [sharesOf(each)]);
  }
  const all = meanOf([...byClass.values()].flat());
  const means = new Map([...byClass].map(([label, shares]) => [label, meanOf(shares)]));
  return [
    whole,
    { name: 'the mean box', boxOf: (_, size) => boxIn(all, size) },
    { name: 'the mean box of the class', boxOf: (label, size) => boxIn(means.get(label) ?? all, size) },
  ];
};
