// Large pages for large matrices: fewer faults when the memory is first written, fewer misses when rows are read at random.
import koffi from './koffi.js';

/** Linux's number of the advice. */
const MADV_HUGEPAGE = 14;

/** Smaller memory has too few pages to matter, and need not be a mapping of its own: glibc maps whatever is above 32 MiB. */
const LEAST_BYTES = 33 << 20;

/** A multiple of the size of a page on every system. */
const PAGE = 64 << 10;

type Advise = (memory: bigint, bytes: number, advice: number) => number;
let advise: Advise | null | undefined;

/** The C library's madvise; null where there is none, or none with this advice. */
const madvise = (): Advise | null => {
  if (process.platform !== 'linux') return null;
  try {
    return koffi.load(null).func('int madvise(void *memory, size_t bytes, int advice)') as Advise;
  } catch {
    return null;
  }
};

/**
 * Asks the system to back this memory by pages of 2 MiB. It is a hint: contents stay, and nothing happens where the
 * system has no such pages, or the memory is small.
 *
 * @returns whether the system took the hint
 */
export const adviseHugePages = (buffer: ArrayBufferLike): boolean => {
  if (buffer.byteLength < LEAST_BYTES) return false;
  advise ??= madvise();
  if (!advise) return false;
  const start = koffi.address(new Uint8Array(buffer));
  const skipped = Number(-start & BigInt(PAGE - 1));
  const bytes = Math.floor((buffer.byteLength - skipped) / PAGE) * PAGE;
  return advise(start + BigInt(skipped), bytes, MADV_HUGEPAGE) === 0;
};
