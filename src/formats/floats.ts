// Converts the floating-point types of weight files to float32.
import { expected } from '../errors.js';
import { decodeFloat16 } from './float16.js';

/** The view itself if its offset is a multiple of `bytes`, else a copy at offset 0 of a new buffer. */
const aligned = (bytes: Uint8Array, elementBytes: number): Uint8Array =>
  bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();

const words16 = (bytes: Uint8Array): Uint16Array => {
  const view = aligned(bytes, 2);
  return new Uint16Array(view.buffer, view.byteOffset, view.length >> 1);
};

const converters: Readonly<Record<string, (bytes: Uint8Array) => Float32Array>> = {
  F32: (bytes) => {
    const view = aligned(bytes, 4);
    return new Float32Array(view.buffer, view.byteOffset, view.length >> 2);
  },
  F64: (bytes) => {
    const view = aligned(bytes, 8);
    return Float32Array.from(new Float64Array(view.buffer, view.byteOffset, view.length >> 3));
  },
  F16: (bytes) => decodeFloat16(words16(bytes)),
  BF16: (bytes) => {
    const halves = words16(bytes);
    const words = new Uint32Array(halves.length);
    for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
    return new Float32Array(words.buffer);
  },
};

/**
 * Converts little-endian bytes of a floating-point type to float32; F32 is a view if alignment permits, else
 * a copy.
 *
 * @param dtype F64, F32, F16 or BF16
 * @param where the owner of the bytes, for error messages @throws UsageError for a type that is not
 * floating-point
 */
export const floatsOf = (bytes: Uint8Array, dtype: string, where: string): Float32Array => {
  const convert = converters[dtype];
  if (!convert) throw expected(`a type among ${Object.keys(converters).join(', ')}`, where, dtype);
  return convert(bytes);
};
