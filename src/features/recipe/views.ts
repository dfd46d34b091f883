// The pixels that the nets see of one image: each region at each scale, made from one decoding.
import type { Box } from '../../datasets/dataset.js';
import { clipToImage, crop } from '../../images/crop.js';
import { ImageError, type RgbImage, type Room } from '../../images/image.js';
import { resizeSmallestSide, sizeForSmallestSide } from '../../images/resize.js';
import { type Recipe, regionsOf } from './recipe.js';

/** Most pixels of a resized image: at a scale, an image so long and thin that it would have more is skipped. */
export const MAX_VIEW_PIXELS = 2 ** 22;

/** What nets see: `region` and `scale` are indices into the recipe's; crops of one scale share them. */
export interface View {
  readonly region: number;
  readonly scale: number;
  readonly image: RgbImage;
}

/** Where a grid of `count` crops of `side` pixels begins along an axis of `length` pixels, evenly spread. */
export const gridPositions = (length: number, side: number, count: number): number[] =>
  count === 1
    ? [(length - side) >> 1]
    : Array.from({ length: count }, (_, i) => Math.round((i * (length - side)) / (count - 1)));

const cropGrid = (image: RgbImage, side: number, count: number): RgbImage[] =>
  gridPositions(image.height, side, count).flatMap((y) =>
    gridPositions(image.width, side, count).map((x) => crop(image, { x, y, width: side, height: side })),
  );

/** The middle part of an image that is so long that, resized to smallest side `q`, it would exceed `maxSide`. */
const middle = (image: RgbImage, q: number, maxSide: number | undefined): RgbImage => {
  const { width, height } = image;
  const longest = maxSide === undefined ? Infinity : Math.floor((maxSide * Math.min(width, height)) / q);
  if (Math.max(width, height) <= longest) return image;
  const [w, h] = [Math.min(width, longest), Math.min(height, longest)];
  return crop(image, { x: (width - w) >> 1, y: (height - h) >> 1, width: w, height: h });
};

/** The part of the image inside the item's box. */
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
 * @param room memory that may be taken for the pixels of views
 * @throws ImageError when the image cannot be described: a missing box, a shape too extreme for a scale
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
