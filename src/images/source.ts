// Encoded bytes of an image, from a file of its own or from a slice of an archive.
import { open } from 'node:fs/promises';
import { codeOf, messageOf } from '../errors.js';
import { ImageError } from './image.js';

/** Where encoded bytes lie: `slice` in bytes of `file`; the whole file where missing. */
export interface ByteSource {
  readonly file: string;
  readonly slice?: { readonly offset: number; readonly length: number };
}

/** Encoded bytes that are in memory already. */
export interface BytesInMemory {
  readonly bytes: Uint8Array;
}

/** Most encoded bytes of one image: what is larger is a film or an archive with a wrong name. */
const MAX_BYTES = 512 * 2 ** 20;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission to read it is denied',
  EISDIR: 'it is a folder',
};

/**
 * Reads the encoded bytes of an image.
 *
 * @param source the file and the slice of it, or the bytes themselves
 * @param path name for messages; the file's where missing
 * @throws ImageError when the file cannot be read, is empty, larger than 512 MiB, or ends before the slice does
 */
export const readImageBytes = async (
  source: ByteSource | BytesInMemory,
  path = 'file' in source ? source.file : 'the bytes given',
): Promise<Uint8Array> => {
  if ('bytes' in source) return source.bytes;
  let bytes: Uint8Array;
  try {
    const file = await open(source.file, 'r');
    try {
      const { offset, length } = source.slice ?? { offset: 0, length: (await file.stat()).size };
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
    if (error instanceof ImageError) throw error;
    throw new ImageError(path, REASONS[codeOf(error) ?? ''] ?? messageOf(error));
  }
  if (bytes.length === 0) throw new ImageError(path, 'the file is empty');
  return bytes;
};
