// Random access to a file's bytes through a small buffer, for the headers of weight files.
import { closeSync, openSync, readSync, fstatSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { openError, readReason } from '../io/readable.js';
import { floatsOf } from './floats.js';
import { elementBytes } from './safetensors.js';

const WINDOW = 1 << 16;
const CHUNK = 1 << 24;

/** An open file; every offset is checked against the file's size before reading. The caller closes it. */
export class FileBytes {
  readonly path: string;
  readonly size: number;
  readonly #what: string;
  readonly #fd: number;
  #window: Uint8Array = new Uint8Array(0);
  #start = 0;

  /**
   * @param what what the file is, for messages
   * @throws UsageError naming the file when it cannot be opened
   */
  constructor(path: string, what = 'weight file') {
    this.path = path;
    this.#what = what;
    try {
      this.#fd = openSync(path, 'r');
    } catch (error) {
      throw openError(path, { what }, readReason(error));
    }
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      closeSync(this.#fd);
      const isFolder = stat.isDirectory();
      throw openError(path, { what }, isFolder ? 'it is a folder' : 'it is a pipe or a device, not a file');
    }
    this.size = stat.size;
  }

  /** The error for a malformed file. */
  wrong(what: string): UsageError {
    return new UsageError(`The ${this.#what} ${this.path} is damaged or cut short: ${what}.`);
  }

  /** Reads bytes as a fresh copy. @throws UsageError when they are not within the file */
  read(offset: number, length: number): Uint8Array {
    this.check(offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.#fd, bytes, done, length - done, offset + done);
      if (count === 0) throw this.wrong(`it ends at byte ${offset + done}`);
      done += count;
    }
    return bytes;
  }

  /** Throws for an offset outside the file. */
  check(offset: number, length: number): void {
    const fits = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (!fits || offset + length > this.size) {
      throw this.wrong(`${length} bytes at byte ${offset} lie outside its ${this.size} bytes`);
    }
  }

  /** Reads one byte, from the buffer. */
  byte(offset: number): number {
    if (offset < this.#start || offset >= this.#start + this.#window.length) {
      this.check(offset, 1);
      this.#window = this.read(offset, Math.min(WINDOW, this.size - offset));
      this.#start = offset;
    }
    return this.#window[offset - this.#start] as number;
  }

  /** Reads bytes as UTF-8 text; at most `most` bytes, so that a false length costs nothing. */
  text(offset: number, length: number, most = 1 << 16): string {
    this.check(offset, length);
    if (length > most) throw this.wrong(`a name of ${length} bytes at byte ${offset}`);
    return Buffer.from(this.read(offset, length)).toString('utf8');
  }

  /** Reads a range of numbers as float32, in pieces. `dtype` is a safetensors name. */
  *floats(offset: number, count: number, dtype: keyof typeof elementBytes): Generator<Float32Array> {
    const length = count * elementBytes[dtype];
    this.check(offset, length);
    for (let done = 0; done < length; done += CHUNK) {
      yield floatsOf(this.read(offset + done, Math.min(CHUNK, length - done)), dtype, this.path);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
