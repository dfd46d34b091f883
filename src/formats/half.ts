// Half-precision numbers (IEEE binary16): float32 to 16 bits, rounded to nearest even, and back.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

const toHalfBits = (value: number): number => {
  float[0] = value;
  const x = bits[0]!;
  const sign = (x >>> 16) & 0x8000;
  const exponent = ((x >>> 23) & 0xff) - 112; // the bias of 127 becomes 15
  const mantissa = x & 0x7fffff;
  if (exponent === 143) return sign | 0x7c00 | (mantissa ? 0x200 : 0); // infinity, not a number
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent < -10) return sign;
  // A number too small for a normal half keeps its leading 1 in the mantissa and is shifted further.
  const shift = exponent > 0 ? 13 : 14 - exponent;
  const whole = exponent > 0 ? (exponent << 23) | mantissa : mantissa | 0x800000;
  const half = whole >>> shift;
  const rest = whole & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && half & 1) ? 1 : 0));
};

const fromHalfBits = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
};

/** Halves (as their 16 bits) nearest to `values`; beyond 65504 infinity. */
export const toHalf = (values: Float32Array): Uint16Array => Uint16Array.from(values, toHalfBits);

let table: Float32Array | undefined;

/** The float32 value of each half in `halves`, written to `target`. */
export const fromHalf = (halves: Uint16Array, target: Float32Array): void => {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => fromHalfBits(half));
  for (let i = 0; i < halves.length; i++) target[i] = table[halves[i]!]!;
};
