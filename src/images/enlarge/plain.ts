// The loops of resampling in TypeScript, with the same results: the fallback without WebAssembly SIMD.

/** Fixed-point weights with 22 fractional bits. */
const BITS = 22;
const HALF = 1 << (BITS - 1);

/** The loops, as documented in assembly/index.ts. All addresses are in bytes of one memory. */
export interface ResamplingLoops {
  /** Resamples rows of three-byte pixels to `outputs` pixels each. */
  readonly widen: (
    source: number,
    target: number,
    rows: number,
    rowBytes: number,
    outputs: number,
    taps: number,
    first: number,
    weights: number,
  ) => void;
  /** Computes `outputs` rows of `width` bytes from rows of the source. */
  readonly heighten: (
    source: number,
    target: number,
    width: number,
    outputs: number,
    taps: number,
    first: number,
    weights: number,
  ) => void;
}

/** Views of the memory, and the rounded weighted sum of `taps` bytes from `from` on, `step` apart. */
const viewsOf = (buffer: ArrayBuffer) => {
  const bytes = new Uint8ClampedArray(buffer);
  const numbers = new Int32Array(buffer);
  const sum = (from: number, step: number, weight: number, taps: number): number => {
    let total = HALF;
    for (let tap = 0; tap < taps; tap++)
      total += Math.imul(numbers[weight + tap]!, bytes[from + tap * step]!);
    return total >> BITS;
  };
  return { bytes, numbers, sum };
};

/** The loops over `memory`. */
export const plainLoops = (memory: { readonly buffer: ArrayBuffer }): ResamplingLoops => ({
  widen: (source, target, rows, rowBytes, outputs, taps, first, weights) => {
    const { bytes, numbers, sum } = viewsOf(memory.buffer);
    for (let row = 0, to = target; row < rows; row++)
      for (let i = 0; i < outputs; i++) {
        const from = source + row * rowBytes + numbers[first / 4 + i]!;
        for (let colour = 0; colour < 3; colour++)
          bytes[to++] = sum(from + colour, 3, weights / 4 + i * taps, taps);
      }
  },
  heighten: (source, target, width, outputs, taps, first, weights) => {
    const { bytes, numbers, sum } = viewsOf(memory.buffer);
    for (let i = 0, to = target; i < outputs; i++) {
      const from = source + numbers[first / 4 + i]! * width;
      for (let x = 0; x < width; x++) bytes[to++] = sum(from + x, width, weights / 4 + i * taps, taps);
    }
  },
});
