// A variable of a MATLAB 5 file as a forward stream of bytes, inflated if it is compressed.
import { createReadStream } from 'node:fs';
import { Readable, pipeline } from 'node:stream';
import { createInflate } from 'node:zlib';
import { UsageError, messageOf } from '../errors.js';

/** The location of a variable: in a file, or in bytes already in memory. */
export interface MatlabVariable {
  readonly path: string;
  readonly bytes?: Uint8Array | undefined;
  readonly offset: number;
  readonly length: number;
  readonly compressed: boolean;
}

const HIGH_WATER_MARK = 1 << 20;
const MAX_PIECE = 1 << 26;

/** Reads a variable's bytes in order; seeking backwards restarts. The caller closes it. */
export class MatlabStream {
  readonly #variable: MatlabVariable;
  #chunks: AsyncIterator<Buffer> | undefined;
  #source: Readable | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #position = 0;

  constructor(variable: MatlabVariable) {
    this.#variable = variable;
  }

  get position(): number {
    return this.#position;
  }

  wrong(what: string): UsageError {
    return new UsageError(`The MATLAB file ${this.#variable.path} is damaged or cut short: ${what}.`);
  }

  #open(): AsyncIterator<Buffer> {
    const { path, bytes, offset, length, compressed } = this.#variable;
    const end = offset + length;
    this.#source = bytes
      ? Readable.from([Buffer.from(bytes.subarray(offset, end))])
      : createReadStream(path, { start: offset, end: end - 1, highWaterMark: HIGH_WATER_MARK });
    const plain = compressed
      ? pipeline(this.#source, createInflate({ chunkSize: HIGH_WATER_MARK }), () => undefined)
      : this.#source;
    return (plain as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** The next piece, or undefined at the end. */
  async #next(): Promise<boolean> {
    if (this.#variable.length === 0) return false;
    this.#chunks ??= this.#open();
    try {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
      return true;
    } catch (error) {
      throw this.wrong(messageOf(error));
    }
  }

  /** Seeks to an offset, forwards or backwards. */
  async seek(position: number): Promise<void> {
    if (position < this.#position) {
      await this.close();
      this.#position = 0;
    }
    await this.skip(position - this.#position);
  }

  /** Yields the next `count` bytes in pieces, as they are read. */
  async #pass(count: number, take?: (piece: Uint8Array) => void): Promise<void> {
    for (let left = count; left > 0;) {
      if (this.#chunk.length === 0 && !(await this.#next())) {
        throw this.wrong(`it ends ${left} bytes early`);
      }
      const piece = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(piece.length);
      left -= piece.length;
      this.#position += piece.length;
      take?.(piece);
    }
  }

  /** The next `count` bytes as a copy; at most 64 MB. */
  async take(count: number): Promise<Uint8Array> {
    if (count > MAX_PIECE) throw this.wrong(`a piece of ${count} bytes`);
    if (count <= this.#chunk.length) {
      const bytes = Uint8Array.from(this.#chunk.subarray(0, count));
      this.#chunk = this.#chunk.subarray(count);
      this.#position += count;
      return bytes;
    }
    const pieces: Uint8Array[] = [];
    await this.#pass(count, (piece) => pieces.push(piece));
    const result = new Uint8Array(count);
    let done = 0;
    for (const piece of pieces) {
      result.set(piece, done);
      done += piece.length;
    }
    return result;
  }

  async skip(count: number): Promise<void> {
    await this.#pass(count);
  }

  async close(): Promise<void> {
    this.#source?.destroy();
    await this.#chunks?.return?.();
    [this.#chunks, this.#source, this.#chunk] = [undefined, undefined, new Uint8Array(0)];
  }
}
