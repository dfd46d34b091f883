// Gives freed memory back to the system. The GNU C library keeps it in each thread's heap, which grows with images of mixed sizes.
import koffi from './koffi.js';

/** glibc's default, fixed: otherwise it grows with the blocks that are freed. Larger blocks are mapped pages of their own. */
const THRESHOLD = 128 * 1024;
/** The largest to which glibc lets it grow. */
const USUAL_THRESHOLD = 32 * 2 ** 20;
const M_MMAP_THRESHOLD = -3;

interface Malloc {
  readonly mallopt: (parameter: number, value: number) => number;
  readonly trim: (pad: number) => number;
}

/** glibc's functions; null on other systems, and with other C libraries. */
const find = (): Malloc | null => {
  if (process.platform !== 'linux') return null;
  try {
    const library = koffi.load('libc.so.6');
    return {
      mallopt: library.func('mallopt', 'int', ['int', 'int']) as Malloc['mallopt'],
      trim: library.func('malloc_trim', 'int', ['size_t']) as Malloc['trim'],
    };
  } catch {
    return null;
  }
};

let malloc: Malloc | null | undefined;
let users = 0;

/** Gives what this process has freed back to the system now; takes milliseconds. */
export const returnFreedMemory = (): void => {
  malloc ??= find();
  malloc?.trim(0);
};

/**
 * Runs `use` with large blocks given back to the system as soon as they are freed. For work on large blocks of changing
 * size; work that takes the same blocks again and again, such as training, would be slowed down by fresh pages.
 */
export const withMemoryReturned = async <T>(use: () => Promise<T>): Promise<T> => {
  malloc ??= find();
  if (users++ === 0) malloc?.mallopt(M_MMAP_THRESHOLD, THRESHOLD);
  try {
    return await use();
  } finally {
    if (--users === 0) malloc?.mallopt(M_MMAP_THRESHOLD, USUAL_THRESHOLD);
    returnFreedMemory();
  }
};
