// Any image that sharp reads becomes 8-bit sRGB with three channels.
import sharp from 'sharp';
import { messageOf } from '../errors.js';
import { isBigTiff, isTiff, tiffTrouble, unsupportedFormat } from './formats.js';
import { ImageError, type RgbImage } from './image.js';
import { type ByteSource, type BytesInMemory, readImageBytes } from './source.js';

export interface DecodeOptions {
  /**
   * Turns the image as its EXIF orientation says. Off by default: boxes of data sets are in pixels as stored, and
   * their kits ignore the tag.
   */
  readonly orient?: boolean;
  /** Most pixels that an image may have, so that a small file cannot fill the memory. Default 100 million. */
  readonly maxPixels?: number;
}

/** Most pixels of an image unless said otherwise: 300 MB once decoded. */
export const MAX_PIXELS = 100_000_000;

/** Whether bytes look like text: what a saved error page or a note named .jpg holds. */
const looksLikeText = (bytes: Uint8Array): boolean =>
  bytes.subarray(0, 256).every((b) => b >= 0x80 || b >= 0x20 || (b >= 0x09 && b <= 0x0d)) &&
  bytes.subarray(0, 4).every((b) => b < 0x80);

/** What is wrong with `bytes`, in a few words, given what libvips said of them. */
const reasonOf = (bytes: Uint8Array, error: unknown, maxPixels: number): string => {
  const message = messageOf(error);
  if (message.includes('exceeds pixel limit')) return `it has more than ${maxPixels} pixels`;
  const format = unsupportedFormat(bytes);
  if (format !== undefined) return `it is ${format}, which is not supported: convert it to JPEG or PNG`;
  if (message.includes('unsupported image format')) {
    return looksLikeText(bytes) ? 'it holds text, not an image' : 'it is no image of a known format';
  }
  // libvips keeps its own words in one buffer for all threads: they may be another image's, or missing.
  return 'the image data is cut short or damaged';
};

/** Types of numbers that have a range from black to white. */
const DEPTHS = ['uchar', 'ushort'];

/**
 * Decodes an image of any type that sharp reads: grey, palette, 16-bit, CMYK and tagged colours are converted to
 * sRGB, transparency is flattened on white, of an animation or a TIFF of several pages the first is taken, SVG is drawn
 * at its own size.
 *
 * @param bytes the encoded image
 * @param path name for messages
 * @throws ImageError when the bytes are no image, of a type that is not supported (it is named), damaged, cut short, hold
 *   more than `maxPixels` pixels, or floating-point pixels, whose range nobody knows
 */
export const decode = async (
  bytes: Uint8Array,
  path: string,
  { orient = false, maxPixels = MAX_PIXELS }: DecodeOptions = {},
): Promise<RgbImage> => {
  if (bytes.length === 0) throw new ImageError(path, 'the file is empty');
  const trouble = isTiff(bytes) ? tiffTrouble(bytes) : undefined;
  if (trouble !== undefined) throw new ImageError(path, trouble);
  try {
    if (isBigTiff(bytes) && !DEPTHS.includes((await sharp(bytes).metadata()).depth)) {
      throw new ImageError(
        path,
        'its pixels are neither 8-bit nor 16-bit whole numbers: convert it to these',
      );
    }
    const image = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels });
    const { data, info } = await (orient ? image.autoOrient() : image)
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    // Typed as 3, but a TIFF of five bands keeps them.
    if ((info.channels as number) !== 3)
      throw new ImageError(path, `it has ${info.channels} channels, not colours: convert it to RGB`);
    return { width: info.width, height: info.height, data };
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(path, reasonOf(bytes, error, maxPixels));
  }
};

/**
 * Reads and decodes an image: {@link readImageBytes}, then {@link decode}.
 *
 * @throws ImageError as both
 */
export const loadImage = async (
  source: ByteSource | BytesInMemory,
  path = 'file' in source ? source.file : 'the bytes given',
  options: DecodeOptions = {},
): Promise<RgbImage> => decode(await readImageBytes(source, path), path, options);
