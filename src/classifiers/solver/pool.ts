// Shares tasks among worker threads; a thread that dies is replaced once, and never leaves anyone waiting.
import { Worker } from 'node:worker_threads';
import { VerydeepError, messageOf, option, text } from '../../errors.js';
import type { Place } from './place.js';
import { type Common, type Solution, type Task, solveTask } from './task.js';
import { placeOf } from './place.js';

const SCRIPT = new URL('./worker.js', import.meta.url);

/** Times that a task is given to a new thread after one died over it. */
const RETRIES = 1;

/** Solves the tasks one after the other in this thread, giving way to events between them. */
export const runHere = async (
  place: Place,
  common: Common,
  tasks: readonly Task[],
  take: (index: number, solutions: Solution[]) => Promise<void> | void,
): Promise<void> => {
  const { workspace, kernels } = placeOf(place);
  for (const task of tasks) {
    await take(task.index, solveTask(workspace, kernels, common, task));
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/**
 * Solves the tasks in as many threads as there are places. Each task's result is the same whichever thread solves it.
 *
 * @param take called for each task as it is done, in any order; the next waits for it
 * @param script the worker's module (tests replace it)
 * @throws VerydeepError where a thread dies over the same task twice, and whatever `take` throws; no thread is left
 */
export const runInThreads = async (
  places: readonly Place[],
  common: Common,
  tasks: readonly Task[],
  take: (index: number, solutions: Solution[]) => Promise<void> | void,
  script: URL = SCRIPT,
): Promise<void> => {
  const waiting = tasks.map((task) => ({ task, deaths: 0 })).reverse();
  const workers = new Set<Worker>();
  let taking = Promise.resolve();
  let over = false; // A thread that is ended in the middle of a task is not replaced any more.

  const serve = (place: Place): Promise<void> =>
    new Promise((resolve, reject) => {
      let current: { task: Task; deaths: number } | undefined;
      let reason = 'it ended by itself';
      const worker = new Worker(script, { workerData: { place, common }, execArgv: [] });
      workers.add(worker);
      const next = (): void => {
        current = waiting.pop();
        if (current) worker.postMessage(current.task);
        else void worker.terminate();
      };
      worker.on('online', next);
      worker.on('message', ({ index, solutions }: { index: number; solutions: Solution[] }) => {
        current = undefined;
        taking = taking.then(() => take(index, solutions));
        taking.then(next, reject);
      });
      worker.on('error', (error) => (reason = messageOf(error)));
      worker.on('exit', () => {
        workers.delete(worker);
        if (!current || over) {
          resolve();
        } else if (current.deaths < RETRIES) {
          waiting.push({ task: current.task, deaths: current.deaths + 1 });
          serve(place).then(resolve, reject);
        } else {
          reject(
            new VerydeepError(
              text`A thread of the SVM solver died twice over class ${current.task.index}: ${reason}. Give fewer ${option('threads')} if memory is short; what was solved before is kept where a checkpoint folder was given.`,
            ),
          );
        }
      });
    });

  try {
    await Promise.all(places.slice(0, tasks.length).map(serve));
  } finally {
    over = true;
    await Promise.all([...workers].map((worker) => worker.terminate()));
  }
};
