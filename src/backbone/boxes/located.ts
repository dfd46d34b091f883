// Images with boxes for training and testing: sizes from the headers, boxes clipped to the images and counted.
import type { Box, Item } from '../../datasets/dataset.js';
import { sizeOf } from '../../images/size.js';

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An image's own class with its boxes, clipped to the image. */
export interface Located {
  readonly item: Item;
  readonly label: string;
  readonly size: Size;
  readonly boxes: readonly Box[];
}

/** The true box of an example, and the size of the image that it is in. */
export interface TrueBox {
  readonly box: Box;
  readonly size: Size;
}

/** What became of the images and boxes of a list. */
export interface BoxCounts {
  /** Images and classes with a box. */
  readonly located: number;
  /** Images without a box of their class, or whose header cannot be read. */
  readonly without: number;
  /** Boxes that exceeded their image and were clipped. */
  readonly clipped: number;
  /** Boxes that lay outside their image, and were left out. */
  readonly outside: number;
  /** The first image with such a box. */
  readonly firstOutside?: string;
}

/** The part of a box that lies in the image; undefined if there is none. */
export const clippedTo = ({ x, y, width, height }: Box, image: Size): Box | undefined => {
  const [left, top] = [Math.max(0, x), Math.max(0, y)];
  const [right, bottom] = [Math.min(image.width, x + width), Math.min(image.height, y + height)];
  return right > left && bottom > top
    ? { x: left, y: top, width: right - left, height: bottom - top }
    : undefined;
};

const AT_ONCE = 64;

/**
 * Pairs each image with each of its classes that has a box in it.
 *
 * @returns in the order of the items; and what was left out
 */
export const locate = async (
  items: readonly Item[],
  signal?: AbortSignal,
): Promise<{ located: Located[]; counts: BoxCounts }> => {
  const located: Located[] = [];
  let [without, clipped, outside] = [0, 0, 0];
  let firstOutside: string | undefined;
  for (let i = 0; i < items.length; i += AT_ONCE) {
    signal?.throwIfAborted();
    const some = items.slice(i, i + AT_ONCE);
    const sizes = await Promise.all(
      some.map(({ boxes, source }) => (boxes ? sizeOf(source) : Promise.resolve(undefined))),
    );
    some.forEach((item, j) => {
      const size = sizes[j];
      const before = located.length;
      for (const label of size ? item.labels : []) {
        const boxes = (item.boxes ?? []).flatMap((own) => {
          if (own.label !== label) return [];
          const { box } = own;
          const inside = clippedTo(box, size!);
          if (!inside) {
            outside++;
            firstOutside ??= item.path;
            return [];
          }
          if (inside.width !== box.width || inside.height !== box.height) clipped++;
          return [inside];
        });
        if (boxes.length > 0) located.push({ item, label, size: size!, boxes });
      }
      if (located.length === before) without++;
    });
  }
  const counts = { located: located.length, without, clipped, outside };
  return { located, counts: firstOutside === undefined ? counts : { ...counts, firstOutside } };
};

/** The box that a net learns of several: the largest; of equal ones the first. */
export const largestOf = (boxes: readonly Box[]): Box =>
  boxes.reduce((best, box) => (box.width * box.height > best.width * best.height ? box : best));

/** What was left out or changed, in sentences. */
export const countNotes = (
  what: string,
  { located, without, clipped, outside, firstOutside }: BoxCounts,
): string[] => [
  `${what}: ${located} with a box of their class, ${without} without, which are left out.`,
  ...(clipped > 0 ? [`${what}: ${clipped} boxes exceed their image and are clipped.`] : []),
  ...(outside > 0
    ? [`${what}: ${outside} boxes lie outside their image and are left out, the first of ${firstOutside!}.`]
    : []),
];
