// bfloat16: the upper half of a float32, rounded to the nearest, ties to even.

/** Numbers as bfloat16. NaN stays NaN. */
export const toBfloat16 = (data: Float32Array): Uint16Array => {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const result = new Uint16Array(data.length);
  for (let i = 0; i < result.length; i++) {
    const x = bits[i]!;
    const isNaN = (x & 0x7fffffff) > 0x7f800000;
    result[i] = isNaN ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return result;
};

/** Writes bfloat16 numbers as float32. */
export const fromBfloat16 = (data: Uint16Array, into: Float32Array): void => {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < data.length; i++) bits[i] = data[i]! << 16;
};
