// Reads the encoded bytes of an image, from its own file or from a slice of an archive.
import { constants } from 'node:fs';
import { openFile } from '../io/open-file.js';
import { VerydeepError, codeOf, messageOf } from '../errors.js';
import { ImageError } from './image.js';

import { type PixelForm, tiffOf } from './tiff.js';

/** Location of encoded bytes: `slice` of `file` in bytes; the whole file if missing. */
export interface ByteSource {
  readonly file: string;
  readonly slice?: { readonly offset: number; readonly length: number };
  /** The bytes are raw pixels of this form; they are returned as an uncompressed TIFF. */
  readonly pixels?: PixelForm;
}

/** Encoded bytes in memory. */
export interface BytesInMemory {
  readonly bytes: Uint8Array;
}

/**
 * Largest number of encoded bytes of an image; larger files are videos or archives with a wrong extension.
 */
const MAX_BYTES = 512 * 2 ** 20;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission to read it is denied',
  EISDIR: 'it is a folder',
  ENXIO: 'it is a socket or a device, not a file',
};

/** Opens a pipe without waiting for its other end. */
const READ = constants.O_RDONLY | ((constants as { readonly O_NONBLOCK?: number }).O_NONBLOCK ?? 0);

/**
 * Reads the encoded bytes of an image.
 *
 * @param source the file and the slice of it, or the bytes themselves
 * @param path name for messages. Default: the file's path
 * @throws ImageError if the file cannot be read, is not a regular file, is empty, larger than 512 MiB, or
 * ends before the slice does
 */
export const readImageBytes = async (
  source: ByteSource | BytesInMemory,
  path = 'file' in source ? source.file : 'the bytes given',
): Promise<Uint8Array> => {
  if ('bytes' in source) return source.bytes;
  let bytes: Uint8Array;
  try {
    const file = await openFile(source.file, READ);
    try {
      const kind = source.slice ? undefined : await file.stat();
      if (kind && !kind.isFile()) {
        throw new ImageError(
          path,
          kind.isDirectory() ? 'it is a folder' : 'it is a pipe or a device, not a file',
        );
      }
      const { offset, length } = source.slice ?? { offset: 0, length: kind!.size };
      if (length > MAX_BYTES) throw new ImageError(path, `it has ${length} bytes, more than ${MAX_BYTES}`);
      const read = await file.read(Buffer.alloc(length), 0, length, offset);
      if (read.bytesRead < length) {
        throw new ImageError(path, `${source.file} ends after ${read.bytesRead} of its ${length} bytes`);
      }
      bytes = read.buffer;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof VerydeepError) throw error;
    throw new ImageError(path, REASONS[codeOf(error) ?? ''] ?? messageOf(error));
  }
  if (bytes.length === 0) throw new ImageError(path, 'the file is empty');
  return source.pixels ? tiffOf(bytes, source.pixels) : bytes;
};
