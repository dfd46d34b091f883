// The thread in which libsvm-js runs, one class at a time. A thread that dies is replaced once.
import { VerydeepError, option, text } from '../errors.js';
import { ThreadError, Threads } from '../threads/threads.js';
import type { LibsvmHandlers, LibsvmTask } from './solver/libsvm-worker.js';

const SCRIPT = new URL('./solver/libsvm-worker.js', import.meta.url);

/**
 * A thread of libsvm-js: `solve` gives coefficients y alpha of one class at a time.
 *
 * @param script the thread's module (tests replace it)
 */
export const libsvmThread = (script: URL = SCRIPT) => {
  // The thread's streams are not read: the library prints as it loads.
  const threads = new Threads<LibsvmHandlers>(script, { name: 'libsvm-js', retries: 1, silent: true });
  return {
    /**
     * @param makeTask creates the task, again for a second thread: its memory is transferred @throws
     * VerydeepError naming the class if a second thread dies on it as well
     */
    async solve(name: string, makeTask: () => LibsvmTask): Promise<Float64Array> {
      if (threads.size === 0) void threads.start(undefined);
      try {
        return await threads.run('solve', makeTask, {
          buffers: ({ kernel }) => [kernel.buffer as ArrayBuffer],
        });
      } catch (error) {
        if (!(error instanceof ThreadError)) throw error;
        throw new VerydeepError(
          text`libsvm-js died twice over class ${name}: ${error.reason}. Choose ${option('solver')} dual; classes solved so far are kept in the checkpoint folder, if one was given.`,
        );
      }
    },
    close: (): Promise<void> => threads.close(),
  };
};
