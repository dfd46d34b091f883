// Reusable shared memory for pixels sent to workers: messages would copy them, and fresh pages are slow.
import type { RgbImage } from '../../images/image.js';

/** Size of the smallest block; others are 2, 4, … times as large. */
const LEAST = 2 ** 18;

/** Free blocks by size. A block that is never returned is garbage-collected. */
export class PixelMemory {
  readonly #free = new Map<number, SharedArrayBuffer[]>();

  /** A block of `bytes` bytes, not cleared. */
  readonly take = (bytes: number): Uint8Array => {
    const size = Math.max(LEAST, 2 ** Math.ceil(Math.log2(bytes)));
    return new Uint8Array(this.#free.get(size)?.pop() ?? new SharedArrayBuffer(size), 0, bytes);
  };

  /** The image with its pixels in this memory; the same image if they are there already. */
  hold(image: RgbImage): RgbImage {
    if (image.data.buffer instanceof SharedArrayBuffer) return image;
    const data = this.take(image.data.length);
    data.set(image.data);
    return { ...image, data };
  }

  /** Returns the memory of an image from `hold`. */
  give({ data: { buffer } }: RgbImage): void {
    const free = this.#free.get(buffer.byteLength);
    if (free) free.push(buffer as SharedArrayBuffer);
    else this.#free.set(buffer.byteLength, [buffer as SharedArrayBuffer]);
  }
}
