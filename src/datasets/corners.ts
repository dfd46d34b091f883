// The corners of a box in a table: four numbers, the last pixels inside.
import { expected } from '../errors.js';
import type { Box } from './dataset.js';

/**
 * The box between inclusive corners: left, top, right, bottom. It may exceed the image.
 *
 * @param where the file and line, for messages
 * @param first the number of the first pixel of a row, 0 or 1
 * @throws UsageError for what is no number, and for corners that are swapped: such a box has no area
 */
export const boxOfCorners = (corners: readonly string[], where: string, first: 0 | 1 = 0): Box => {
  const numbers = corners.map((corner) => {
    const number = corner.trim() === '' ? NaN : Number(corner);
    if (!Number.isFinite(number)) throw expected('a number for each corner of a box', where, corners);
    return number;
  });
  const [left, top, right, bottom] = numbers as [number, number, number, number];
  if (right < left || bottom < top) {
    throw expected('a box with xmin <= xmax and ymin <= ymax', where, numbers, 'It has no area.');
  }
  return { x: left - first, y: top - first, width: right - left + 1, height: bottom - top + 1 };
};
