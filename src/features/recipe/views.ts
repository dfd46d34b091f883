// The views of one image: each region at each scale, from one decoded image.
import type { Box } from '../../datasets/dataset.js';
import { clipToImage, crop } from '../../images/crop.js';
import { ImageError, type RgbImage, type Room } from '../../images/image.js';
import { resizeSmallestSide, sizeForSmallestSide } from '../../images/resize.js';
import { type Recipe, regionsOf } from './recipe.js';

/** Largest number of pixels of a resized image; images that would exceed it are skipped. */
export const MAX_VIEW_PIXELS = 2 ** 22;

/**
 * An input of the nets. `region` and `scale` are indices into the recipe's; crops of one scale share them.
 */
export interface View {
  readonly region: number;
  readonly scale: number;
  readonly image: RgbImage;
}

/** Offsets of `count` evenly spread crops of `side` pixels along an axis of `length` pixels. */
export const gridPositions = (length: number, side: number, count: number): number[] =>
  count === 1
    ? [(length - side) >> 1]
    : Array.from({ length: count }, (_, i) => Math.round((i * (length - side)) / (count - 1)));

const cropGrid = (image: RgbImage, side: number, count: number): RgbImage[] =>
  gridPositions(image.height, side, count).flatMap((y) =>
    gridPositions(image.width, side, count).map((x) => crop(image, { x, y, width: side, height: side })),
  );

/** Centre-crops an image that would be longer than `maxSide` at smallest side `q`. */
const middle = (image: RgbImage, q: number, maxSide: number | undefined): RgbImage => {
  const { width, height } = image;
  const longest = maxSide === undefined ? Infinity : Math.floor((maxSide * Math.min(width, height)) / q);
  if (Math.max(width, height) <= longest) return image;
  const [w, h] = [Math.min(width, longest), Math.min(height, longest)];
  return crop(image, { x: (width - w) >> 1, y: (height - h) >> 1, width: w, height: h });
};

/** The image inside the item's box. */
const boxed = (image: RgbImage, box: Box | undefined, path: string): RgbImage => {
  if (!box) throw new ImageError(path, 'it has no box, which the recipe needs');
  const inside = clipToImage(box, image);
  if (!inside) throw new ImageError(path, `its box lies outside its ${image.width} × ${image.height} pixels`);
  return crop(image, inside);
};

/**
 * All views of an image, ordered by region, scale and crop.
 *
 * @param path name for messages
 * @param inputSize side of crops in pixels
 * @param room memory for the pixels of the views
 * @throws ImageError if the image cannot be described: no box, or too elongated for a scale
 */
export const viewsOf = async (
  image: RgbImage,
  path: string,
  box: Box | undefined,
  recipe: Recipe,
  inputSize: number,
  room?: Room,
): Promise<View[]> => {
  const views: View[] = [];
  for (const [region, name] of regionsOf(recipe).entries()) {
    const whole = name === 'box' ? boxed(image, box, path) : image;
    for (const [scale, q] of recipe.scales.entries()) {
      const source = middle(whole, q, recipe.maxSide);
      const { width, height } = sizeForSmallestSide(source.width, source.height, q);
      if (width * height > MAX_VIEW_PIXELS) {
        const size = `${source.width} × ${source.height} pixels would become ${width} × ${height}`;
        throw new ImageError(path, `its shape is too extreme: ${size} at scale ${q}`);
      }
      const resized = await resizeSmallestSide(
        source,
        q,
        recipe.interpolation,
        path,
        name === 'crops' ? undefined : room,
      );
      const images = name === 'crops' ? cropGrid(resized, inputSize, recipe.crops) : [resized];
      views.push(...images.map((each) => ({ region, scale, image: each })));
    }
  }
  return views;
};
