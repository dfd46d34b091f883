// Unpacks a block of LZ4: literals, and copies of what came before.

/**
 * Unpacks a block into `target` from `at` on.
 *
 * @param from copies reach back to here at most
 * @param end the content ends before here
 * @returns where the content ends
 * @throws RangeError for a damaged block
 */
export const decodeBlock = (
  block: Uint8Array,
  target: Uint8Array,
  at: number,
  from: number,
  end: number,
): number => {
  let i = 0;
  /** A length of 15 or more continues in further bytes. */
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15) {
      for (let byte = 255; byte === 255;) {
        byte = block[i++] ?? NaN;
        length += byte;
      }
    }
    return length;
  };
  while (i < block.length) {
    const token = block[i++]!;
    const literals = lengthFrom(token >> 4);
    if (!(i + literals <= block.length && at + literals <= end)) throw new RangeError('damaged LZ4 data');
    target.set(block.subarray(i, i + literals), at);
    i += literals;
    at += literals;
    if (i === block.length) return at; // The last sequence has no copy.
    const distance = block[i]! | ((block[i + 1] ?? 0) << 8);
    i += 2;
    const length = lengthFrom(token & 15) + 4;
    if (!(distance > 0 && at - distance >= from && at + length <= end))
      throw new RangeError('damaged LZ4 data');
    for (const stop = at + length; at < stop; at++) target[at] = target[at - distance]!;
  }
  return at;
};
