// Reads a file in chunks into reused buffers; allocating each chunk costs more than SHA-256.
import { open } from 'node:fs/promises';

const SIZE = 1 << 20;

/** Chunks of a file in order. Each is valid until the next is requested; the next is read ahead. */
export const fileChunks = async function* (path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    let [current, next] = [new Uint8Array(SIZE), new Uint8Array(SIZE)];
    let reading = file.read(current, 0, SIZE);
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return;
      reading = file.read(next, 0, SIZE);
      reading.catch(() => undefined); // A consumer that stops early does not wait for it.
      yield current.subarray(0, bytesRead);
      [current, next] = [next, current];
    }
  } finally {
    await file.close();
  }
};
