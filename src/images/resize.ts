// Isotropic rescaling to a smallest side Q; the interpolation is always named (paper, sections 3.1 and 3.2).
import sharp from 'sharp';
import { expected } from '../errors.js';
import type { Interpolation } from '../interpolation.js';
import { MAX_PIXELS } from './decode.js';
import { enlarge } from './enlarge.js';
import { ImageError, type RgbImage, type Room } from './image.js';

/**
 * The size that gives the smallest side `q` pixels and keeps the proportions; the longer side is rounded to the
 * nearest pixel (halves up).
 */
export const sizeForSmallestSide = (
  width: number,
  height: number,
  q: number,
): { width: number; height: number } =>
  width <= height
    ? { width: q, height: Math.round((height * q) / width) }
    : { width: Math.round((width * q) / height), height: q };

/** Shrinks by libvips, which filters before it shrinks with every interpolation but "nearest". */
const shrink = async (
  { data, ...size }: RgbImage,
  width: number,
  height: number,
  interpolation: Interpolation,
): Promise<RgbImage> => ({
  width,
  height,
  data: await sharp(data, {
    raw: { width: size.width, height: size.height, channels: 3 },
    limitInputPixels: false,
  })
    .resize({ width, height, fit: 'fill', kernel: interpolation, fastShrinkOnLoad: false })
    .raw()
    .toBuffer(),
});

/**
 * Resizes to exactly `width` × `height` pixels, whatever the proportions: the sides that become shorter first. Works on
 * the decoded pixels, so that no decoder's shrink-on-load takes part. The centre of the image stays where it is.
 *
 * @param room memory that may be taken for the result
 */
export const resizeTo = async (
  image: RgbImage,
  width: number,
  height: number,
  interpolation: Interpolation,
  room?: Room,
): Promise<RgbImage> => {
  const [narrow, low] = [Math.min(width, image.width), Math.min(height, image.height)];
  const small =
    narrow < image.width || low < image.height ? await shrink(image, narrow, low, interpolation) : image;
  return narrow < width || low < height ? enlarge(small, width, height, interpolation, room) : small;
};

/**
 * Rescales isotropically so that the smallest side has `q` pixels.
 *
 * @param q smallest side in pixels, a whole number of at least 1
 * @param path name for messages
 * @param room memory that may be taken for the result
 * @throws UsageError for a `q` out of range; ImageError for an image so long and thin that the result would not fit
 */
export const resizeSmallestSide = async (
  image: RgbImage,
  q: number,
  interpolation: Interpolation,
  path = 'image',
  room?: Room,
): Promise<RgbImage> => {
  if (!Number.isInteger(q) || q < 1) throw expected('a whole number of at least 1', 'the smallest side', q);
  const { width, height } = sizeForSmallestSide(image.width, image.height, q);
  if (width * height > MAX_PIXELS) {
    throw new ImageError(
      path,
      `${image.width} × ${image.height} pixels would become ${width} × ${height} at smallest side ${q}`,
    );
  }
  return resizeTo(image, width, height, interpolation, room);
};
