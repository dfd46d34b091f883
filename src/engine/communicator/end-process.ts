// Ends the process at once, from any thread, also while another thread waits in a library for a rank that is gone.
import koffi from '../koffi.js';

/** Bound beforehand: a library that broke may hold the lock of the loader. */
const exit = koffi.load(null).func('void _exit(int code)') as (code: number) => void;

export const endProcess = (code: number): void => exit(code);
