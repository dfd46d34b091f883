// Memory of one thread that another thread of the process works on for a while: where it lies stands in a table that both see.
import koffi from 'koffi';

/** Views that a thread keeps: the same blocks of memory come again at every training step. */
const KEPT = 256;
const views = new Map<string, Float32Array>();

/** Notes in `table` where the numbers lie. They must stay there until the borrower is done. */
export const lend = (array: Float32Array, table: BigUint64Array, slot: number): void => {
  table[slot] = koffi.address(new Uint8Array(array.buffer)) + BigInt(array.byteOffset);
};

/** The numbers that another thread of this process has lent. Not to be used once the lender goes on. */
export const borrow = (table: BigUint64Array, slot: number, length: number): Float32Array => {
  const address = table[slot]!;
  const key = `${address}:${length}`;
  let view = views.get(key);
  if (!view) {
    if (views.size >= KEPT) views.clear();
    view = new Float32Array(koffi.view(address, 4 * length));
    views.set(key, view);
  }
  return view;
};
