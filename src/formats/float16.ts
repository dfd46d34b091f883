// Converts float32 to the bits of half-precision numbers (IEEE binary16), rounded to nearest even, and back.
import { Float16Array as LibraryArray } from '@petamoriken/float16';

/** Built into Node.js from version 24 on. */
const Float16Array = (globalThis as { Float16Array?: typeof LibraryArray }).Float16Array ?? LibraryArray;

/** The bits of the halves nearest to `values`; infinity beyond 65504. NaN keeps its sign, not its payload. */
export const encodeFloat16 = (values: Float32Array): Uint16Array => {
  const halves = new Uint16Array(new Float16Array(values).buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) {
    if ((bits[i]! & 0x7fffffff) > 0x7f800000) halves[i] = ((bits[i]! >>> 16) & 0x8000) | 0x7e00;
  }
  return halves;
};

/** The value of each of the 65,536 halves. */
let table: Float32Array | undefined;

const makeTable = (): Float32Array => {
  const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
  return Float32Array.from(new Float16Array(codes.buffer), (x) => (Number.isNaN(x) ? NaN : x));
};

/** Writes the numbers with the bits `halves` to `target`. NaN keeps neither sign nor payload. */
export const decodeFloat16 = (
  halves: Uint16Array,
  target: Float32Array = new Float32Array(halves.length),
): Float32Array => {
  table ??= makeTable();
  for (let i = 0; i < halves.length; i++) target[i] = table[halves[i]!]!;
  return target;
};
