// Width and height of an image, from its header.
import sharp from 'sharp';
import { type ByteSource, type BytesInMemory, readImageBytes } from './source.js';

/** The size of an image as stored; undefined if it cannot be read. Nothing is decoded. */
export const sizeOf = async (
  source: ByteSource | BytesInMemory,
): Promise<{ readonly width: number; readonly height: number } | undefined> => {
  try {
    const isWholeFile = 'file' in source && !source.slice && !source.pixels;
    const { width, height } = await sharp(
      isWholeFile ? source.file : await readImageBytes(source),
    ).metadata();
    return { width, height };
  } catch {
    return undefined;
  }
};
