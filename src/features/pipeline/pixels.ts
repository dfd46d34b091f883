// Memory for pixels on their way to the workers: all threads see it, and it is used again. Fresh pages are dear, and a message would
// copy what it carries into more of them.
import type { RgbImage } from '../../images/image.js';

/** Smallest piece of memory; others are twice, four times, … as large. */
const LEAST = 2 ** 18;

/** Pieces of memory by size. What is taken and never given back is freed like any other. */
export class PixelMemory {
  readonly #free = new Map<number, SharedArrayBuffer[]>();

  /** Room for `bytes` bytes, with whatever lies there. */
  readonly take = (bytes: number): Uint8Array => {
    const size = Math.max(LEAST, 2 ** Math.ceil(Math.log2(bytes)));
    return new Uint8Array(this.#free.get(size)?.pop() ?? new SharedArrayBuffer(size), 0, bytes);
  };

  /** The image with its pixels in this memory: itself where they are there. */
  hold(image: RgbImage): RgbImage {
    if (image.data.buffer instanceof SharedArrayBuffer) return image;
    const data = this.take(image.data.length);
    data.set(image.data);
    return { ...image, data };
  }

  /** Lets the memory of an image that `hold` returned be used again. */
  give({ data: { buffer } }: RgbImage): void {
    const free = this.#free.get(buffer.byteLength);
    if (free) free.push(buffer as SharedArrayBuffer);
    else this.#free.set(buffer.byteLength, [buffer as SharedArrayBuffer]);
  }
}
