// The thread that libsvm-js runs in, one class at a time; one that dies is replaced once, and never leaves anyone waiting.
import { Worker } from 'node:worker_threads';
import { VerydeepError, messageOf, option, text } from '../errors.js';

const SCRIPT = new URL('./solver/libsvm-worker.js', import.meta.url);

/** One class for the thread: the kernel of its rows, row by row. */
export interface LibsvmTask {
  readonly kernel: Float32Array;
  readonly labels: Int8Array;
  readonly C: number;
  readonly positive: number;
  readonly negative: number;
  readonly tolerance: number;
}

/** Times that a class is given to a new thread after one died over it. */
const RETRIES = 1;

/** One thread: `ask` ends with its answer, or fails with the reason of its end. */
const start = (script: URL) => {
  // What the module prints as it loads ends in these streams, which nobody reads.
  const worker = new Worker(script, { execArgv: [], stdout: true, stderr: true });
  let waiting: { resolve: (answer: Float64Array) => void; reject: (error: Error) => void } | undefined;
  let reason = 'its thread ended by itself';
  const thread = {
    ended: false,
    ask: (task: LibsvmTask): Promise<Float64Array> =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        worker.postMessage(task, [task.kernel.buffer as ArrayBuffer]);
      }),
    close: () => worker.terminate(),
  };
  worker.on('message', (coefficients: Float64Array) => waiting?.resolve(coefficients));
  worker.on('error', (error) => (reason = messageOf(error)));
  worker.on('exit', () => {
    thread.ended = true;
    waiting?.reject(new VerydeepError(reason)); // Of no effect where the answer came before.
  });
  return thread;
};

/**
 * A thread of libsvm-js: `solve` gives coefficients y alpha of one class at a time.
 *
 * @param script the thread's module (tests replace it)
 */
export const libsvmThread = (script: URL = SCRIPT) => {
  let thread: ReturnType<typeof start> | undefined;
  return {
    /**
     * @param makeTask the task, made anew for a second thread: its memory goes to the thread
     * @throws VerydeepError naming the class where a second thread dies over it as well
     */
    async solve(name: string, makeTask: () => LibsvmTask): Promise<Float64Array> {
      for (let deaths = 0; ; deaths++) {
        if (!thread || thread.ended) thread = start(script);
        try {
          return await thread.ask(makeTask());
        } catch (error) {
          if (deaths < RETRIES) continue;
          throw new VerydeepError(
            text`libsvm-js died twice over class ${name}: ${messageOf(error)}. Choose ${option('solver')} dual; what was solved before is kept where a checkpoint folder was given.`,
          );
        }
      }
    },
    async close(): Promise<void> {
      await thread?.close();
    },
  };
};
