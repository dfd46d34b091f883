// The figure of merit of ILSVRC's localisation: overlap of boxes, and the error of five guesses (the kit's eval_localization_flat.m).

/** A rectangle in pixels: x, y of its first pixel, and its size. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Area that two boxes share; boxes of whole pixels count them as the kit does, with the last one inside. */
export const intersectionOf = (a: Rectangle, b: Rectangle): number => {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
};

/** Intersection over union, 0 to 1. */
export const overlap = (a: Rectangle, b: Rectangle): number => {
  const shared = intersectionOf(a, b);
  return shared === 0 ? 0 : shared / (a.width * a.height + b.width * b.height - shared);
};

/** The least overlap of a box that is right. */
export const ENOUGH = 0.5;

/** A class with a box: one of the guesses at an image, or what is there. */
export interface Guess {
  readonly label: string;
  readonly box: Rectangle;
}

/** The largest overlap of a box with those of its class in the image. */
export const bestOverlap = ({ label, box }: Guess, truth: readonly Guess[]): number =>
  truth.reduce((best, own) => (own.label === label ? Math.max(best, overlap(box, own.box)) : best), 0);

/**
 * Whether one of the guesses at an image is right: its class is one of the image's, and it overlaps a box of that class by
 * at least half.
 *
 * @param labels the image's classes
 * @param truth the annotated boxes, of any class
 */
export const isLocalised = (
  guesses: readonly Guess[],
  labels: readonly string[],
  truth: readonly Guess[],
): boolean => guesses.some((guess) => labels.includes(guess.label) && bestOverlap(guess, truth) >= ENOUGH);
