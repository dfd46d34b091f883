// Sets of images by content: the first 36 bits of each file's SHA-256, sorted and Golomb-Rice coded, about
// two bytes per image.
import { UsageError } from '../../errors.js';

/** Bits of a digest: with a million images in the set, one other image in 65,000 is a false positive. */
export const DIGEST_BITS = 36;
const SPACE = 2 ** DIGEST_BITS;

/** Digests of images, ascending, without duplicates. */
export type DigestSet = Float64Array;

/** The digest of a file from its SHA-256 in hexadecimal: the first nine digits. */
export const digestOf = (sha256: string): number => Number.parseInt(sha256.slice(0, DIGEST_BITS / 4), 16);

/** Makes a set of digests from a list in any order, with duplicates. */
export const digestSet = (digests: Iterable<number>): DigestSet => {
  const sorted = Float64Array.from(digests).sort();
  let kept = 0;
  sorted.forEach((digest, i) => {
    if (i === 0 || digest !== sorted[i - 1]) sorted[kept++] = digest;
  });
  return sorted.slice(0, kept);
};

/** The union of sets. */
export const uniteDigests = (...sets: readonly DigestSet[]): DigestSet => {
  const all = new Float64Array(sets.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const set of sets) {
    all.set(set, at);
    at += set.length;
  }
  return digestSet(all);
};

/** Whether a digest is in a set. */
export const hasDigest = (set: DigestSet, digest: number): boolean => {
  let [low, high] = [0, set.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (set[middle]! < digest) low = middle + 1;
    else high = middle;
  }
  return set[low] === digest;
};

/** The probability of a false positive: that an image outside the set has the digest of one inside. */
export const falsePositives = (set: DigestSet): number => set.length / SPACE;

/**
 * The number of low bits of a gap that are written verbatim, for `count` digests: the quotient is then 0 to 2
 * on average.
 */
const lowBits = (count: number): number => DIGEST_BITS - (32 - Math.clz32(count));

/** The gaps between digests, each as a unary quotient and `lowBits` low bits, highest bit first. */
export const encodeDigests = (set: DigestSet): Uint8Array => {
  const low = lowBits(set.length);
  const unit = 2 ** low;
  let bits = set.length * (low + 1);
  let previous = 0;
  for (const digest of set) {
    bits += Math.floor((digest - previous) / unit);
    previous = digest;
  }
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  let at = 0;
  const write = (bit: number): void => {
    if (bit) bytes[at >> 3]! |= 0x80 >> (at & 7);
    at++;
  };
  previous = 0;
  for (const digest of set) {
    const quotient = Math.floor((digest - previous) / unit);
    const rest = digest - previous - quotient * unit;
    for (let i = 0; i < quotient; i++) write(1);
    write(0);
    for (let place = unit / 2; place >= 1; place /= 2) write(Math.floor(rest / place) % 2);
    previous = digest;
  }
  return bytes;
};

/**
 * Reads what {@link encodeDigests} wrote.
 *
 * @param count number of digests @param where the file, for error messages @throws UsageError when the bytes
 * are truncated or invalid
 */
export const decodeDigests = (bytes: Uint8Array, count: number, where: string): DigestSet => {
  const damaged = (): UsageError =>
    new UsageError(`The digests of ${count} images in ${where} are damaged. Fetch or write the file again.`);
  const low = lowBits(count);
  const set = new Float64Array(count);
  let [at, previous] = [0, 0];
  const read = (): number => {
    if (at >= bytes.length * 8) throw damaged();
    const bit = (bytes[at >> 3]! >> (7 - (at & 7))) & 1;
    at++;
    return bit;
  };
  for (let i = 0; i < count; i++) {
    let gap = 0;
    while (read()) gap++;
    for (let bit = 0; bit < low; bit++) gap = gap * 2 + read();
    previous += gap;
    if (previous >= SPACE || (i > 0 && gap === 0)) throw damaged();
    set[i] = previous;
  }
  return set;
};
