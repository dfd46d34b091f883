// Arrays of one thread that another thread of the process computes on: their addresses are in a shared table.
import koffi from '../koffi.js';

/** Views cached by a thread: the same arrays recur at every training step. */
const MOST_VIEWS = 256;
const views = new Map<string, Float32Array>();

/** Writes the address of an array's numbers to the table. The array must stay in memory until the other thread is done. */
export const storeAddress = (array: Float32Array, table: BigUint64Array, slot: number): void => {
  table[slot] = koffi.address(new Uint8Array(array.buffer)) + BigInt(array.byteOffset);
};

/**
 * The array of another thread of this process whose address is in the table. Not valid once that thread
 * continues.
 */
export const arrayAt = (table: BigUint64Array, slot: number, length: number): Float32Array => {
  const address = table[slot]!;
  const key = `${address}:${length}`;
  let view = views.get(key);
  if (!view) {
    if (views.size >= MOST_VIEWS) views.clear();
    view = new Float32Array(koffi.view(address, 4 * length));
    views.set(key, view);
  }
  return view;
};
