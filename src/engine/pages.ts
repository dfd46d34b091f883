// Large pages for large matrices: fewer faults when the memory is first written, fewer misses when rows are read at random.
import koffi from 'koffi';

/** Linux's number of the advice. */
const MADV_HUGEPAGE = 14;

/** Memory below this has too few pages to matter. */
const LEAST_BYTES = 16 << 20;

type Advise = (memory: Uint8Array, bytes: number, advice: number) => number;
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
 * system has no such pages.
 *
 * @param buffer memory that starts on a page, as a WebAssembly memory's does
 * @returns whether the system took the hint
 */
export const adviseHugePages = (buffer: ArrayBufferLike): boolean => {
  if (buffer.byteLength < LEAST_BYTES) return false;
  advise ??= madvise();
  return advise?.(new Uint8Array(buffer), buffer.byteLength, MADV_HUGEPAGE) === 0;
};
