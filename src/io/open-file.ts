// Opens files; if too many are open, waits until others are closed.
import { type FileHandle, open } from 'node:fs/promises';
import { VerydeepError, codeOf } from '../errors.js';

const WAIT_MS = 10;
const LONGEST_MS = 10_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether an error means that too many files are open. */
export const isTooManyOpen = (error: unknown): boolean => ['EMFILE', 'ENFILE'].includes(codeOf(error) ?? '');

/** What is wrong, and what to do. */
export const tooManyOpenMessage =
  'Too many files are open at once. Allow more with "ulimit -n 1024" in the shell, or use fewer workers and threads.';

/**
 * Runs a function that opens files; if too many are open, retries for up to ten seconds.
 *
 * @param path for the message
 * @throws VerydeepError saying what to do if too many files stay open
 */
const whenFilesAreFree = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
  for (let waited = 0; ;) {
    try {
      return await work();
    } catch (error) {
      if (!isTooManyOpen(error)) throw error;
      if (waited >= LONGEST_MS) throw new VerydeepError(`Cannot open ${path}. ${tooManyOpenMessage}`);
      const next = WAIT_MS + waited / 4;
      await pause(next);
      waited += next;
    }
  }
};

/** Opens a file as `fs.open` does, by {@link whenFilesAreFree}. */
export const openFile = (path: string, flags: string | number, mode?: number): Promise<FileHandle> =>
  whenFilesAreFree(path, () => open(path, flags, mode));
