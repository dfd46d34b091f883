// A MATLAB 5 variable as a run of bytes read forwards, inflated on the way where it is compressed.
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createInflate } from 'node:zlib';
import { UsageError, messageOf } from '../errors.js';

/** Where a variable lies in the file. */
export interface MatVariable {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  readonly compressed: boolean;
}

/** Reads a variable's bytes in order; going back begins again. Whoever opens it closes it. */
export class MatStream {
  readonly #variable: MatVariable;
  #chunks: AsyncIterator<Buffer> | undefined;
  #source: ReturnType<typeof createReadStream> | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #position = 0;

  constructor(variable: MatVariable) {
    this.#variable = variable;
  }

  get position(): number {
    return this.#position;
  }

  wrong(what: string): UsageError {
    return new UsageError(`The MATLAB file ${this.#variable.path} is damaged or cut short: ${what}.`);
  }

  /** The next piece, or nothing at the end. */
  async #next(): Promise<boolean> {
    if (this.#variable.length === 0) return false;
    if (!this.#chunks) {
      const { path, offset, length, compressed } = this.#variable;
      this.#source = createReadStream(path, {
        start: offset,
        end: offset + length - 1,
        highWaterMark: 1 << 20,
      });
      const bytes = compressed
        ? pipeline(this.#source, createInflate({ chunkSize: 1 << 20 }), () => undefined)
        : this.#source;
      this.#chunks = (bytes as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    }
    try {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
      return true;
    } catch (error) {
      throw this.wrong(messageOf(error));
    }
  }

  /** Goes to a place, forwards or back. */
  async seek(position: number): Promise<void> {
    if (position < this.#position) {
      await this.close();
      this.#position = 0;
    }
    await this.#pass(position - this.#position, () => undefined);
  }

  /** Hands on the next `count` bytes in the pieces in which they come. */
  async #pass(count: number, take: (piece: Uint8Array) => void): Promise<void> {
    for (let left = count; left > 0;) {
      if (this.#chunk.length === 0 && !(await this.#next())) {
        throw this.wrong(`it ends ${left} bytes early`);
      }
      const piece = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(piece.length);
      left -= piece.length;
      this.#position += piece.length;
      take(piece);
    }
  }

  /** The next `count` bytes; at most 64 MB. */
  async take(count: number): Promise<Uint8Array> {
    if (count > 1 << 26) throw this.wrong(`a piece of ${count} bytes`);
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
    await this.#pass(count, () => undefined);
  }

  /** Whether all bytes were read. */
  async atEnd(): Promise<boolean> {
    return this.#chunk.length === 0 && !(await this.#next());
  }

  async close(): Promise<void> {
    this.#source?.destroy();
    await this.#chunks?.return?.();
    [this.#chunks, this.#source, this.#chunk] = [undefined, undefined, new Uint8Array(0)];
  }
}
