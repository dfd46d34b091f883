// Rows in the order of the store, in a file of their own: those of a foreign file come in any order.
import { type FileHandle, open } from 'node:fs/promises';
import type { Matrix } from '../../../matrix.js';
import { writeError } from '../../../io/files.js';

const bytesOf = (numbers: Float32Array): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** A file of rows of `width` numbers. The caller closes it. */
export class Spool {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #width: number;

  private constructor(file: FileHandle, path: string, width: number) {
    this.#file = file;
    this.#path = path;
    this.#width = width;
  }

  static async open(path: string, width: number): Promise<Spool> {
    return new Spool(await open(path, 'w+'), path, width);
  }

  /** Writes rows of a block, each to its place; those of no place (-1) are left out. */
  async write(data: Float32Array, places: Int32Array): Promise<void> {
    const width = this.#width;
    try {
      for (let row = 0; row < places.length;) {
        const place = places[row]!;
        let end = row + 1;
        while (place >= 0 && end < places.length && places[end] === place + end - row) end++;
        if (place >= 0) {
          const bytes = bytesOf(data.subarray(row * width, end * width));
          await this.#file.write(bytes, 0, bytes.length, place * width * 4);
        }
        row = end;
      }
    } catch (error) {
      throw writeError(this.#path, error);
    }
  }

  /** Rows from `start` on. */
  async read(start: number, rows: number): Promise<Matrix> {
    const data = new Float32Array(rows * this.#width);
    await this.#file.read(bytesOf(data), 0, data.byteLength, start * this.#width * 4);
    return { rows, columns: this.#width, data };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
