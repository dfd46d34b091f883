// The loops of resampling in plain TypeScript: what runs where WebAssembly is missing. They give the same numbers.

const BITS = 22;
const HALF = 1 << (BITS - 1);

/** The loops as in assembly/index.ts, over `memory`; addresses are in bytes. */
export const plainLoops = (memory: () => ArrayBuffer) => {
  const arrays = () => ({ bytes: new Uint8ClampedArray(memory()), ints: new Int32Array(memory()) });
  return {
    widen: (
      source: number,
      target: number,
      rows: number,
      rowBytes: number,
      outputs: number,
      taps: number,
      first: number,
      weights: number,
    ): void => {
      const { bytes, ints } = arrays();
      for (let row = 0, to = target; row < rows; row++) {
        for (let i = 0; i < outputs; i++) {
          const from = source + row * rowBytes + ints[first / 4 + i]!;
          for (let c = 0; c < 3; c++, to++) {
            let sum = HALF;
            for (let tap = 0; tap < taps; tap++)
              sum += Math.imul(ints[weights / 4 + i * taps + tap]!, bytes[from + 3 * tap + c]!);
            bytes[to] = sum >> BITS;
          }
        }
      }
    },
    heighten: (
      source: number,
      target: number,
      width: number,
      outputs: number,
      taps: number,
      first: number,
      weights: number,
    ): void => {
      const { bytes, ints } = arrays();
      for (let i = 0; i < outputs; i++) {
        const from = source + ints[first / 4 + i]! * width;
        for (let x = 0; x < width; x++) {
          let sum = HALF;
          for (let tap = 0; tap < taps; tap++)
            sum += Math.imul(ints[weights / 4 + i * taps + tap]!, bytes[from + tap * width + x]!);
          bytes[target + i * width + x] = sum >> BITS;
        }
      }
    },
  };
};
