// If the limit of open files is low, loads modules one by one: Node opens all modules of a graph at once.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';

/** Smallest limit of open files with which Node loads modules as usual. */
const ENOUGH = 1024;

/** The limit of open files of this process; Infinity if unknown. */
const openFilesLimit = (): number => {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(soft ?? Infinity);
  } catch {
    return Infinity;
  }
};

/** Loads modules one by one from now on if the limit is low. */
export const allowFewFiles = (): void => {
  if (openFilesLimit() < ENOUGH) register('./one-by-one.js', import.meta.url);
};
