// Isotropic rescaling to a smallest side Q (sections 3.1 and 3.2 of the paper), with explicit interpolation.
import sharp from 'sharp';
import { expected } from '../errors.js';
import type { Interpolation } from '../interpolation.js';
import { MAX_PIXELS } from './decode.js';
import { enlarge } from './enlarge.js';
import { ImageError, type RgbImage, type Room } from './image.js';

/**
 * The size with smallest side `q` pixels and the same aspect ratio; the longer side is rounded (halves up).
 */
export const sizeForSmallestSide = (
  width: number,
  height: number,
  q: number,
): { width: number; height: number } =>
  width <= height
    ? { width: q, height: Math.round((height * q) / width) }
    : { width: Math.round((width * q) / height), height: q };

/** Shrinks with libvips, which antialiases with every interpolation but "nearest". */
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
 * Resizes to exactly `width` × `height` pixels, ignoring the aspect ratio; sides that shrink are resized
 * first. It works on decoded pixels, without a decoder's shrink-on-load, and keeps the image centred.
 *
 * @param room memory for the result
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
 * @param q smallest side in pixels, an integer of at least 1
 * @param path name for messages
 * @param room memory for the result
 * @throws UsageError for an invalid `q` @throws ImageError if the image is so elongated that the result would
 * be too large
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
