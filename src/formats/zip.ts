// The entries of a zip archive, each as a byte range of the file; deflated entries can be extracted to a
// separate file.
import { createReadStream } from 'node:fs';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import yauzl from 'yauzl';
import { UsageError, messageOf } from '../errors.js';
import type { FileBytes } from './file-bytes.js';

/** The byte range of an entry; these bytes are the content itself if the entry is stored. */
export interface ZipEntry {
  readonly offset: number;
  readonly length: number;
  /** Size of the content in bytes. */
  readonly size: number;
  readonly kind: 'stored' | 'deflated' | 'unreadable';
}

/** Lets yauzl read only within the file: for an invalid offset its own reader would end the process. */
class CheckedReader extends yauzl.RandomAccessReader {
  readonly #file: FileBytes;

  constructor(file: FileBytes) {
    super();
    this.#file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, count?: number) => void,
  ): void {
    try {
      buffer.set(this.#file.read(position, length), offset);
      setImmediate(callback, null, length);
    } catch (error) {
      setImmediate(callback, error as Error);
    }
  }
}

const MAX_ENTRIES = 10_000;
const LOCAL_HEADER = 30;
const DEFLATED = 8;

/**
 * Lists the entries of a zip archive by name. yauzl checks the directory; offsets are checked against the
 * file.
 *
 * @throws UsageError naming the file when it is damaged
 */
export const zipEntries = async (file: FileBytes): Promise<ReadonlyMap<string, ZipEntry>> => {
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new CheckedReader(file), file.size, {
      lazyEntries: true,
      autoClose: false,
    });
    try {
      if (zip.entryCount > MAX_ENTRIES) {
        throw file.wrong(`its zip directory announces ${zip.entryCount} entries`);
      }
      const entries = new Map<string, ZipEntry>();
      for await (const entry of zip.eachEntry()) {
        const header = entry.relativeOffsetOfLocalHeader;
        file.check(header, LOCAL_HEADER);
        const local = Buffer.from(file.read(header, LOCAL_HEADER));
        if (local.readUInt32LE(0) !== 0x04034b50) throw file.wrong(`no zip entry at byte ${header}`);
        const offset = header + LOCAL_HEADER + local.readUInt16LE(26) + local.readUInt16LE(28);
        file.check(offset, entry.compressedSize);
        const { compressionMethod: method } = entry;
        const stored = method === 0 && entry.compressedSize === entry.uncompressedSize;
        const kind = entry.isEncrypted()
          ? 'unreadable'
          : stored
            ? 'stored'
            : method === DEFLATED
              ? 'deflated'
              : 'unreadable';
        entries.set(entry.fileName, {
          offset,
          length: entry.compressedSize,
          size: entry.uncompressedSize,
          kind,
        });
      }
      return entries;
    } finally {
      zip.close();
    }
  } catch (error) {
    throw error instanceof UsageError ? error : file.wrong(messageOf(error));
  }
};

/** Deflate's maximum compression ratio. */
const MOST_COMPRESSED = 1040;

/**
 * Extracts an entry's content to a separate file.
 *
 * @throws UsageError naming the archive when the entry is encrypted, damaged, or longer than declared
 */
export const unpackEntry = async (
  file: FileBytes,
  name: string,
  entry: ZipEntry,
  target: string,
): Promise<void> => {
  if (entry.kind === 'unreadable')
    throw file.wrong(`its entry ${name} is encrypted or packed in another way`);
  if (entry.size > entry.length * MOST_COMPRESSED)
    throw file.wrong(`its entry ${name} announces ${entry.size} bytes`);
  const { offset, length, size } = entry;
  let done = 0;
  const counted = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      done += piece.length;
      if (done > size) throw file.wrong(`its entry ${name} is longer than announced`);
      yield piece;
    }
  };
  const source =
    length === 0
      ? (async function* () {})()
      : createReadStream(file.path, { start: offset, end: offset + length - 1 });
  try {
    if (entry.kind === 'deflated') {
      await pipeline(source, createInflateRaw(), counted, createWriteStream(target));
    } else await pipeline(source, counted, createWriteStream(target));
  } catch (error) {
    throw error instanceof UsageError ? error : file.wrong(`its entry ${name}: ${messageOf(error)}`);
  }
  if (done !== size) throw file.wrong(`its entry ${name} has ${done} bytes, expected ${size}`);
};

const MAX_TEXT = 64 << 20;

/** Reads the text of a stored or deflated entry, at most 64 MB. */
export const textOfEntry = async (file: FileBytes, name: string, entry: ZipEntry): Promise<string> => {
  if (entry.size > MAX_TEXT || entry.length > MAX_TEXT || entry.kind === 'unreadable') {
    throw file.wrong(`its entry ${name} of ${entry.size} bytes is no text`);
  }
  const bytes = Buffer.from(file.read(entry.offset, entry.length));
  if (entry.kind === 'stored') return bytes.toString('utf8');
  const { inflateRawSync } = await import('node:zlib');
  try {
    return inflateRawSync(bytes, { maxOutputLength: entry.size }).toString('utf8');
  } catch (error) {
    throw file.wrong(`its entry ${name}: ${messageOf(error)}`);
  }
};
