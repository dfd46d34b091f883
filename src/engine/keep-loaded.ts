// Keeps a native addon's code in memory to the end of the process.
import koffi from './koffi.js';

/** `RTLD_NODELETE` of <dlfcn.h>; elsewhere libraries are left as they are. */
const NO_DELETE: Partial<Record<NodeJS.Platform, number>> = { linux: 0x1000, darwin: 0x80 };
const RTLD_NOW = 2;

/**
 * Node unloads addons before the process runs its exit handlers. A library that registered such a handler under another
 * library's name, as TensorFlow does, then crashes the process at its very end: the handler's code is gone.
 *
 * @param path an addon that is loaded already
 */
export const keepLoaded = (path: string): void => {
  const noDelete = NO_DELETE[process.platform];
  if (noDelete === undefined) return;
  const open = koffi.load(null).func('void *dlopen(const char *path, int flags)') as (
    path: string,
    flags: number,
  ) => unknown;
  open(path, RTLD_NOW | noDelete);
};
