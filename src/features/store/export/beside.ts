// Atomic writes for libraries that write to a path: they write a temporary file, which is synced and renamed.
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VerydeepError } from '../../../errors.js';
import { writeError } from '../../../io/files.js';

/**
 * Lets `write` fill a temporary file, then renames it to `path`.
 *
 * @throws VerydeepError naming `path` if it cannot be written
 */
export const writeBeside = async (
  path: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> => {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    await write(temporary);
    const file = await open(temporary, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error instanceof VerydeepError ? error : writeError(path, error);
  }
};
