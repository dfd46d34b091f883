// Indexes a .tar: the location of each file's content, so that archives of any size are read in place.
import { type FileHandle, open } from 'node:fs/promises';
import { VerydeepError } from '../../errors.js';
import { refuseName } from './names.js';

/** A file in an archive: its path, and the slice of the archive that is its content, in bytes. */
export interface TarEntry {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** What an archive holds; `skipped` are the entries that are neither files nor folders. */
export interface TarIndex {
  readonly entries: readonly TarEntry[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

const BLOCK = 512;
/** Bytes read at a time: several headers at once where files are small. */
const WINDOW = 1 << 16;
/** A long name or a block of attributes larger than this is an attack or damage. */
const MAX_EXTENSION = 1 << 20;
const MAX_ENTRIES = 5_000_000;

/** Reads through a buffer, so that small files do not cost a system call for each header. */
class Window {
  #start = 0;
  #bytes = Buffer.alloc(0);

  constructor(
    readonly file: FileHandle,
    readonly size: number,
    readonly step: number,
  ) {}

  /** `length` bytes from `offset`; fewer at the end of the file. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#start || offset + length > this.#start + this.#bytes.length) {
      const wanted = Math.min(Math.max(length, this.step), Math.max(0, this.size - offset));
      const { bytesRead, buffer } = await this.file.read(Buffer.alloc(wanted), 0, wanted, offset);
      this.#start = offset;
      this.#bytes = buffer.subarray(0, bytesRead);
    }
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
}

const text = (header: Buffer, start: number, length: number): string => {
  const end = header.indexOf(0, start);
  return header.toString('utf8', start, end < 0 || end > start + length ? start + length : end);
};

/** A number in octal digits, or in base 256 where the first bit is set (files of 8 GiB and more). */
const numberAt = (header: Buffer, start: number, length: number): number => {
  if ((header[start]! & 0x80) === 0) {
    const digits = text(header, start, length).trim();
    return digits === '' ? 0 : /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
  }
  let value = header[start]! & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + header[start + i]!;
  return value;
};

/** The header's own checksum: the sum of its bytes, with blanks for the eight that hold it. */
const isSound = (header: Buffer): boolean => {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  return sum === numberAt(header, 148, 8);
};

/** Attributes of the next entry in the form of POSIX 2001: "length key=value\n". */
const paxAttributes = (block: Buffer): Map<string, string> => {
  const attributes = new Map<string, string>();
  for (let at = 0; at < block.length;) {
    const blank = block.indexOf(32, at);
    const length = Number(block.toString('latin1', at, blank));
    if (blank < 0 || !Number.isInteger(length) || length < 5 || at + length > block.length) break;
    const record = block.toString('utf8', blank + 1, at + length - 1);
    const sign = record.indexOf('=');
    attributes.set(record.slice(0, sign), record.slice(sign + 1));
    at += length;
  }
  return attributes;
};

const KINDS: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '6': 'a pipe',
  S: 'a sparse file',
};

const named = (header: Buffer): string => {
  const name = text(header, 0, 100);
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(header, 345, 155) : '';
  // GNU's old format keeps other things where POSIX has the prefix: its magic ends in two blanks.
  return prefix !== '' && header[262] === 0 ? `${prefix}/${name}` : name;
};

/** Where an archive lies in its file, and how it is read. */
export interface IndexOptions {
  /** The part of the file that is the archive, in bytes: an archive inside another. Default the whole file. */
  readonly slice?: { readonly offset: number; readonly length: number };
  /** Bytes read at a time. Default 64 KiB; less is quicker where the files inside are large. */
  readonly window?: number;
}

/**
 * Indexes a .tar without reading its content. Knows the forms of V7, POSIX 1988 and 2001 (pax) and GNU. Links
 * inside the archive are skipped and listed; the last of several entries with the same path counts, as in
 * unpacking.
 *
 * @throws VerydeepError naming the archive, and the entry or the byte: an entry whose path or link leads out
 * of the folder, a damaged header, an archive that ends too early
 */
export const indexTar = async (
  path: string,
  { slice, window: step = WINDOW }: IndexOptions = {},
): Promise<TarIndex> => {
  const file = await open(path, 'r');
  try {
    const begin = slice?.offset ?? 0;
    const window = new Window(file, slice ? begin + slice.length : (await file.stat()).size, step);
    const entries = new Map<string, TarEntry>();
    const skipped: { path: string; reason: string }[] = [];
    let attributes = new Map<string, string>();
    let last = 'its beginning';
    let ended = false;
    for (let at = begin; at < window.size;) {
      const header = await window.read(at, BLOCK);
      if (header.length === BLOCK && header.every((byte) => byte === 0)) {
        ended = true;
        break;
      }
      if (header.length < BLOCK) break;
      if (!isSound(header)) {
        throw new VerydeepError(
          `The archive ${path} is damaged at byte ${at}, after ${last}: no header of an entry is there. Download it again.`,
        );
      }
      const type = String.fromCharCode(header[156]!);
      const declared = attributes.get('size') ?? '';
      const length = declared === '' ? numberAt(header, 124, 12) : Number(declared);
      const name = attributes.get('path') ?? named(header);
      const content = at + BLOCK;
      if (!Number.isSafeInteger(length) || length < 0) {
        throw new VerydeepError(
          `The entry ${name} of the archive ${path} declares no sensible size. Download it again.`,
        );
      }
      // Links and folders have no content, whatever size they declare.
      const stored = '123456'.includes(type) ? 0 : length;
      if (content + stored > window.size) {
        throw new VerydeepError(
          `The archive ${path} ends in the middle of ${name}: ${content + stored} bytes are needed, ${window.size} are there. ` +
            'The download is not complete, or the declared size is wrong; download it again.',
        );
      }
      at = content + Math.ceil(stored / BLOCK) * BLOCK;
      if ('xgLKXN'.includes(type)) {
        if (length > MAX_EXTENSION) {
          throw new VerydeepError(
            `The entry ${name} of the archive ${path} declares a name of ${length} bytes: refused.`,
          );
        }
        const block = await window.read(content, length);
        if (type === 'L') attributes.set('path', text(block, 0, length));
        else if (type === 'K') attributes.set('linkpath', text(block, 0, length));
        else if (type !== 'g') for (const [key, value] of paxAttributes(block)) attributes.set(key, value);
        continue;
      }
      const target = attributes.get('linkpath') ?? text(header, 157, 100);
      attributes = new Map();
      last = name;
      if (type === '1' || type === '2') refuseName(path, name, target, type === '2');
      else refuseName(path, name);
      const clean = name.replace(/^(\.\/)+/, '');
      const reason = KINDS[type];
      if (reason !== undefined) skipped.push({ path: clean, reason });
      else if (type !== '5' && !clean.endsWith('/')) {
        entries.delete(clean);
        entries.set(clean, { path: clean, offset: content, length });
        if (entries.size > MAX_ENTRIES) {
          throw new VerydeepError(
            `The archive ${path} holds more than ${MAX_ENTRIES} files: refused at ${name}.`,
          );
        }
      }
    }
    if (!ended) {
      throw new VerydeepError(
        `The file ${path} is no tar archive or ends too early, after ${last}. Download it again.`,
      );
    }
    return { entries: [...entries.values()], skipped };
  } finally {
    await file.close();
  }
};
