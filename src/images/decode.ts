// Decodes any image that sharp reads to 8-bit sRGB with three channels.
import sharp from 'sharp';
import { messageOf } from '../errors.js';
import { isBigTiff, isTiff, tiffTrouble, unsupportedFormat } from './formats.js';
import { ImageError, type RgbImage } from './image.js';
import { type ByteSource, type BytesInMemory, readImageBytes } from './source.js';

export interface DecodeOptions {
  /** Apply the EXIF orientation. Default: false, since boxes of data sets refer to pixels as stored. */
  readonly orient?: boolean;
  /** Largest number of pixels, so that a small file cannot fill the memory. Default: 100 million. */
  readonly maxPixels?: number;
}

/** Default limit of pixels: 300 MB once decoded. */
export const MAX_PIXELS = 100_000_000;

/** Whether bytes look like text, such as a saved error page named .jpg. */
const looksLikeText = (bytes: Uint8Array): boolean =>
  bytes.subarray(0, 256).every((b) => b >= 0x80 || b >= 0x20 || (b >= 0x09 && b <= 0x0d)) &&
  bytes.subarray(0, 4).every((b) => b < 0x80);

/** Why `bytes` cannot be decoded, in a few words, from libvips' message. */
const reasonOf = (bytes: Uint8Array, error: unknown, maxPixels: number): string => {
  const message = messageOf(error);
  if (message.includes('exceeds pixel limit')) return `it has more than ${maxPixels} pixels`;
  const format = unsupportedFormat(bytes);
  if (format !== undefined) return `it is ${format}, which is not supported: convert it to JPEG or PNG`;
  if (message.includes('unsupported image format')) {
    return looksLikeText(bytes) ? 'it holds text, not an image' : 'it is no image of a known format';
  }
  // libvips keeps messages in one buffer for all threads: they may belong to another image, or be missing.
  return 'the image data is cut short or damaged';
};

/** Number types with a defined range from black to white. */
const DEPTHS = ['uchar', 'ushort'];

/**
 * Decodes an image of any type that sharp reads: grey, palette, 16-bit, CMYK and tagged colours are converted
 * to sRGB, transparency is flattened on white; the first frame or page is used of an animation or a TIFF; SVG
 * is drawn at its own size.
 *
 * @param bytes the encoded image
 * @param path name for messages
 * @returns height × width × 3 bytes, RGB @throws ImageError if the bytes are not an image, have an
 * unsupported type (it is named), are damaged or truncated, or have more than `maxPixels` pixels or
 * floating-point pixels (their range is unknown)
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
    // The type says 3, but a TIFF with five bands keeps all of them.
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
 * @throws ImageError as both do
 */
export const loadImage = async (
  source: ByteSource | BytesInMemory,
  path = 'file' in source ? source.file : 'the bytes given',
  options: DecodeOptions = {},
): Promise<RgbImage> => decode(await readImageBytes(source, path), path, options);
