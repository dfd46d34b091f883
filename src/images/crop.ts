// Crops and mirrors images in memory: the training crop of the paper (section 3.1), and boxes.
import { expected } from '../errors.js';
import type { Random } from '../random.js';
import type { RgbImage } from './image.js';

/** A rectangle in pixels, 0-based integers: the top left corner and the size. */
interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Copies a rectangle of an image.
 *
 * @throws UsageError if the rectangle is not inside the image
 */
export const crop = (image: RgbImage, { x, y, width, height }: Rectangle): RgbImage => {
  const inside = x >= 0 && y >= 0 && x + width <= image.width && y + height <= image.height;
  if (![x, y, width, height].every(Number.isInteger) || width < 1 || height < 1 || !inside) {
    throw expected(`a rectangle inside ${image.width} × ${image.height} pixels`, 'crop', [
      x,
      y,
      width,
      height,
    ]);
  }
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const start = ((y + row) * image.width + x) * 3;
    data.set(image.data.subarray(start, start + width * 3), row * width * 3);
  }
  return { width, height, data };
};

/**
 * Clips a box to an image: boxes of VOC may exceed the border by a pixel.
 *
 * @returns undefined if box and image do not overlap
 */
export const clipToImage = (
  box: Rectangle,
  image: { readonly width: number; readonly height: number },
): Rectangle | undefined => {
  const [x, y] = [Math.max(0, Math.floor(box.x)), Math.max(0, Math.floor(box.y))];
  const width = Math.min(image.width, Math.ceil(box.x + box.width)) - x;
  const height = Math.min(image.height, Math.ceil(box.y + box.height)) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
};

/** The image mirrored left to right. */
export const flip = ({ width, height, data }: RgbImage): RgbImage => {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    let from = (y + 1) * width * 3 - 3;
    for (let to = y * width * 3; to < (y + 1) * width * 3; to += 3, from -= 3) {
      result[to] = data[from]!;
      result[to + 1] = data[from + 1]!;
      result[to + 2] = data[from + 2]!;
    }
  }
  return { width, height, data: result };
};

/**
 * A `side` × `side` crop at a uniformly random offset (x is drawn first, then y).
 *
 * @throws UsageError if the image is smaller than the crop
 */
export const randomCrop = (image: RgbImage, side: number, random: Random): RgbImage => {
  if (image.width < side || image.height < side) {
    throw expected(`an image of at least ${side} × ${side} pixels`, 'randomCrop', [
      image.width,
      image.height,
    ]);
  }
  const x = random.below(image.width - side + 1);
  const y = random.below(image.height - side + 1);
  return crop(image, { x, y, width: side, height: side });
};

/** The central `side` × `side` crop; an odd remainder is cut at the right and the bottom. */
export const centreCrop = (image: RgbImage, side: number): RgbImage =>
  crop(image, {
    x: (image.width - side) >> 1,
    y: (image.height - side) >> 1,
    width: side,
    height: side,
  });
