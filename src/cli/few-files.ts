// Where the system lets a process open few files, modules are read one by one: Node opens all of a graph at once.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';

/** Files that a process must be allowed to open for modules to be loaded as Node does it. */
const ENOUGH = 1024;

/** The number of files that this process may open; Infinity where the system does not say. */
const openFilesLimit = (): number => {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(soft ?? Infinity);
  } catch {
    return Infinity;
  }
};

/** Loads modules one by one from here on, where few files may be open. */
export const allowFewFiles = (): void => {
  if (openFilesLimit() < ENOUGH) register('./one-by-one.js', import.meta.url);
};
