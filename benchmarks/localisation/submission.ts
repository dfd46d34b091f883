// Kaggle's submission: five classes of each image with their boxes.
import { csvLines } from '../../src/formats/csv.js';
import type { ImageGuesses } from './guesses.js';

/** Name of an image without folder and ending: Kaggle's ImageId. */
const imageId = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]+$/, '');

/** A class as one word. WNIDs are; of other names blanks become underscores. */
const word = (label: string): string => label.replace(/\s+/g, '_');

/**
 * A line of the submission: `wnid xmin ymin xmax ymax` for each guess, corners counted from 0 and inside. An image that could
 * not be read has none.
 */
export const predictionLine = (path: string, guesses: ImageGuesses | undefined): string => {
  const text = (guesses?.full?.[0]?.guesses ?? [])
    .map(([label, x, y, width, height]) => `${word(label)} ${x} ${y} ${x + width - 1} ${y + height - 1}`)
    .join(' ');
  return csvLines([[imageId(path), text]]).trimEnd();
};
