// Strings for the C API.
import koffi from '../koffi.js';

/** Pointers to NUL-terminated strings, and the strings, which must stay reachable. */
export const stringTable = (
  strings: readonly string[],
): { table: BigUint64Array; bytes: readonly Uint8Array[] } => {
  const bytes = strings.map((text) => {
    const source = new TextEncoder().encode(text);
    const target = new Uint8Array(new ArrayBuffer(source.length + 1));
    target.set(source);
    return target;
  });
  const table = new BigUint64Array(new ArrayBuffer(Math.max(8, 8 * strings.length)));
  bytes.forEach((array, i) => (table[i] = koffi.address(array.buffer)));
  return { table, bytes };
};
