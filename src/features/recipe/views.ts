// The views of one image: each region at each scale, from one decoded image.
import type { Box } from '../../datasets/dataset.js';
import { clipToImage, crop } from '../../images/crop.js';
import { ImageError, type RgbImage, type Room } from '../../images/image.js';
import { resample } from '../../images/enlarge.js';
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

/** The same; the one crop at the even of the two middle pixels, as Python rounds a half. */
const evenPositions: typeof gridPositions = (length, side, count) => {
  const [first = 0, ...others] = gridPositions(length, side, count);
  return count === 1 && (length - side) % 2 === 1 ? [first + (first % 2)] : [first, ...others];
};

const cropGrid = (
  image: RgbImage,
  side: number,
  count: number,
  positions: typeof gridPositions = gridPositions,
): RgbImage[] =>
  positions(image.height, side, count).flatMap((y) =>
    positions(image.width, side, count).map((x) => crop(image, { x, y, width: side, height: side })),
  );

/** The size of a region at smallest side `q`: of nets of others as Pillow's users round it, or squashed. */
const sizeAt = ({ width, height }: RgbImage, q: number, { preprocess }: Recipe) => {
  if (!preprocess) return sizeForSmallestSide(width, height, q);
  if (preprocess.squash) return preprocess.squash;
  return width <= height
    ? { width: q, height: Math.floor((q * height) / width) }
    : { width: Math.floor((q * width) / height), height: q };
};

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
      const { width, height } = sizeAt(source, q, recipe);
      if (width * height > MAX_VIEW_PIXELS) {
        const size = `${source.width} × ${source.height} pixels would become ${width} × ${height}`;
        throw new ImageError(path, `its shape is too extreme: ${size} at scale ${q}`);
      }
      const own = name === 'crops' ? undefined : room;
      const resized =
        (recipe.preprocess ?? recipe.resampling === 'pillow')
          ? resample(source, width, height, recipe.interpolation, own)
          : await resizeSmallestSide(source, q, recipe.interpolation, path, own);
      const positions = recipe.preprocess?.offset === 'even' ? evenPositions : gridPositions;
      const images = name === 'crops' ? cropGrid(resized, inputSize, recipe.crops, positions) : [resized];
      views.push(...images.map((each) => ({ region, scale, image: each })));
    }
  }
  return views;
};
