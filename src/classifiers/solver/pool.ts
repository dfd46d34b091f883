// Solves tasks in this thread, or distributes them among worker threads.
import { VerydeepError, option, text } from '../../errors.js';
import { ThreadError, Threads } from '../../threads/threads.js';
import { type ThreadMemory, workspaceOf } from './thread-memory.js';
import { type Common, type Solution, type Task, solveTask } from './task.js';
import type { SolverData, SolverHandlers } from './worker.js';

const SCRIPT = new URL('./worker.js', import.meta.url);

/** Solves the tasks one after the other in this thread, yielding to the event loop between them. */
export const runHere = async (
  place: ThreadMemory,
  common: Common,
  tasks: readonly Task[],
  take: (index: number, solutions: Solution[]) => Promise<void> | void,
): Promise<void> => {
  const { workspace, kernels } = workspaceOf(place);
  for (const task of tasks) {
    await take(task.index, solveTask(workspace, kernels, common, task));
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/**
 * Solves the tasks in one thread per memory slot. Each task's result is the same in any thread. If no thread
 * can be started, tasks are left over.
 *
 * @param take called for each task as it is done, in any order; the next waits for it
 * @param script the worker's module (tests replace it)
 * @throws VerydeepError if a thread dies on the same task twice, and whatever `take` throws; all threads are
 * ended
 */
export const runInThreads = async (
  places: readonly ThreadMemory[],
  common: Common,
  tasks: readonly Task[],
  take: (index: number, solutions: Solution[]) => Promise<void> | void,
  script: URL = SCRIPT,
): Promise<void> => {
  const threads = new Threads<SolverHandlers, SolverData>(script, {
    name: 'A thread of the SVM solver',
    retries: 1,
  });
  const solve = async (task: Task): Promise<Solution[] | undefined> => {
    try {
      return await threads.run('solve', task);
    } catch (error) {
      if (error instanceof ThreadError && error.how === 'unavailable') return undefined;
      if (!(error instanceof ThreadError) || error.how !== 'died') throw error;
      throw new VerydeepError(
        text`A thread of the SVM solver died twice over class ${task.index}: ${error.reason}. Give fewer ${option('threads')} if memory is short; classes solved so far are kept in the checkpoint folder, if one was given.`,
      );
    }
  };
  const waiting = [...tasks].reverse();
  let taking = Promise.resolve();
  const work = async (): Promise<void> => {
    for (let task = waiting.pop(); task; task = waiting.pop()) {
      const { index } = task;
      const solutions = await solve(task);
      if (!solutions) return;
      taking = taking.then(() => take(index, solutions));
      await taking;
    }
  };
  const used = places.slice(0, tasks.length);
  for (const place of used) void threads.start({ place, common });
  try {
    await Promise.all(used.map(work));
  } finally {
    await threads.close();
  }
};
