// Augmentation of a training image: scale, crop, mirror, colour shift (paper, section 3.1).
import { expected, option } from '../../errors.js';
import type { RgbImage } from '../../images/image.js';
import type { Random } from '../../random.js';
import type { InputNormalisation } from '../nets/backbone.js';

/** Principal axes of the colours of the training set. */
export interface ColourAxes {
  /**
   * Scale of the shift along each axis, in pixel units (0-255): 255 times the eigenvalues of the covariance
   * of pixels in [0, 1]. Krizhevsky's formula multiplies by eigenvalues, so it depends on the unit: in [0, 1]
   * the shift is a few levels, as intended (ImageNet: 55.5, 4.8, 1.1 here); in 0-255 it would be thousands.
   */
  readonly spread: readonly number[];
  /** A unit vector (red, green, blue) for each axis. */
  readonly axes: readonly (readonly number[])[];
}

/** How an image is preprocessed for the net. */
export interface Augmentation {
  /** Side of the square crop: the net's input size. */
  readonly crop: number;
  /**
   * The smallest side S after scaling: fixed if both are equal, else uniform between them (both included).
   */
  readonly trainSide: readonly [number, number];
  /** Mirrors half of the images. */
  readonly flip: boolean;
  /** Standard deviation of the shift of all pixels along each colour axis, as a factor on its spread; 0 for none. */
  readonly colourShift: number;
  /** Required if colours are shifted. */
  readonly colourAxes?: ColourAxes | undefined;
}

/**
 * The random draw of one sample. `x` and `y` are the crop's position in [0, 1), as a share of its free range.
 */
export interface Draw {
  readonly side: number;
  readonly x: number;
  readonly y: number;
  readonly flip: boolean;
  /** Added to red, green and blue, in pixel units. */
  readonly shift: readonly [number, number, number];
}

/** Checks scale against crop. @throws UsageError naming the option */
export const checkSides = (trainSide: readonly [number, number], crop: number): void => {
  if (!trainSide.every(Number.isInteger) || trainSide[0] < crop || trainSide[1] < trainSide[0]) {
    throw expected(
      `S or S1-S2 with S of at least the input size ${crop}`,
      option('trainSide'),
      trainSide.join('-'),
    );
  }
};

/** A centred crop at scale S (the middle of a jittered range): for validation. */
export const centred = ({ trainSide: [low, high] }: Augmentation): Draw => ({
  side: Math.round((low + high) / 2),
  x: 0.5,
  y: 0.5,
  flip: false,
  shift: [0, 0, 0],
});

/**
 * Draws scale, position, mirror and colour for one sample: always the same count of random numbers in the
 * same order.
 *
 * @param random a random stream for this image in this epoch only, so that the order of the threads does not
 * matter
 */
export const draw = (
  { trainSide: [low, high], flip, colourShift, colourAxes }: Augmentation,
  random: Random,
): Draw => {
  const side = low + random.below(high - low + 1);
  const [x, y] = [random.uniform(), random.uniform()];
  const mirrored = random.uniform() < 0.5;
  const shift: [number, number, number] = [0, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    const amount = random.normal() * (colourAxes ? colourShift * (colourAxes.spread[axis] as number) : 0);
    for (let c = 0; c < 3; c++) shift[c]! += amount * (colourAxes?.axes[axis]?.[c] ?? 0);
  }
  return { side, x, y, flip: flip && mirrored, shift };
};

/** The top left corner of a draw's crop in an image of this size. */
export const cornerOf = (
  { width, height }: { readonly width: number; readonly height: number },
  crop: number,
  { x, y }: Pick<Draw, 'x' | 'y'>,
): { readonly left: number; readonly top: number } => ({
  left: Math.floor(x * (width - crop + 1)),
  top: Math.floor(y * (height - crop + 1)),
});

/**
 * Crops, mirrors, shifts and normalises an image into a batch: row by row, channels last, in the net's
 * channel order.
 *
 * @param target receives crop * crop * 3 numbers, starting at `offset`: ((pixel + shift) * scale - mean) /
 * std
 * @param image already scaled; each side is at least `crop`
 */
export const cropInto = (
  target: Float32Array,
  offset: number,
  { width, height, data }: RgbImage,
  crop: number,
  placed: Draw,
  { order, scale, mean, std }: InputNormalisation,
): void => {
  const { flip, shift } = placed;
  const { left, top } = cornerOf({ width, height }, crop, placed);
  const source = order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  const [s0, s1, s2] = source as [number, number, number];
  const factor = (c: number) => scale / std[c]!;
  const term = (c: number) => (shift[source[c]!]! * scale - mean[c]!) / std[c]!;
  const [f0, f1, f2] = [factor(0), factor(1), factor(2)];
  const [t0, t1, t2] = [term(0), term(1), term(2)];
  const step = flip ? -3 : 3;
  for (let row = 0; row < crop; row++) {
    let from = ((top + row) * width + left + (flip ? crop - 1 : 0)) * 3;
    let to = offset + row * crop * 3;
    for (let column = 0; column < crop; column++, from += step, to += 3) {
      target[to] = data[from + s0]! * f0 + t0;
      target[to + 1] = data[from + s1]! * f1 + t1;
      target[to + 2] = data[from + s2]! * f2 + t2;
    }
  }
};
