// Every class's solutions along its grid of C, by one thread or many, saved on disk as they are found if
// requested.
import type { OnProgress } from '../progress.js';
import { openCheckpoint } from './checkpoint.js';
import { type Gram, workspaceStart } from './gram.js';
import type { ClassLabels } from './problem.js';
import type { ThreadMemory } from './solver/thread-memory.js';
import { runHere, runInThreads } from './solver/pool.js';
import type { Common, Solution, Task } from './solver/task.js';

/** Rows² · classes up to which one thread finishes before others have started. */
const LITTLE = 50_000_000;

/** Threads and checkpoints. */
export interface PathOptions {
  /** Number of solver threads; default as many as the Gram matrix has room for, one for a small problem. */
  readonly threads?: number;
  /** A folder in which each solved class is saved; a later call with the same problem continues from it. */
  readonly checkpoint?: string;
  /** Name of this part of the run in the checkpoint folder; default `fit`. */
  readonly part?: string;
  readonly onProgress?: OnProgress;
}

/**
 * Solves every class for its values of C (ascending, each from the previous solution).
 *
 * @param grids the values of C of each class
 * @param take called once per class, in any order @param starts initial solution of each class; default zero
 */
export const solvePaths = async (
  gram: Gram,
  classes: readonly ClassLabels[],
  grids: readonly (readonly number[])[],
  common: Common,
  options: PathOptions,
  take: (index: number, solutions: readonly Solution[]) => void,
  starts?: readonly NonNullable<Task['start']>[],
): Promise<void> => {
  const tasks = classes.map(({ labels }, index): Task => {
    const start = starts?.[index];
    return { index, labels, grid: grids[index]!, ...(start && { start }) };
  });
  const kept = options.checkpoint
    ? await openCheckpoint(options.checkpoint, options.part ?? 'fit', gram, common, tasks)
    : undefined;
  const taken = new Set<number>();
  const receive = (index: number, solutions: readonly Solution[]): void => {
    take(index, solutions);
    taken.add(index);
    options.onProgress?.({ task: 'svm', done: taken.size, total: tasks.length, unit: 'classes' });
  };
  const left: Task[] = [];
  for (const task of tasks) {
    const solutions = await kept?.read(task.index);
    if (solutions) receive(task.index, solutions);
    else left.push(task);
  }
  const wanted = options.threads ?? (gram.rows ** 2 * left.length > LITTLE ? gram.slots : 1);
  const threads = Math.min(wanted, gram.slots, left.length);
  const places = Array.from({ length: Math.max(1, threads) }, (_, slot): ThreadMemory => ({
    rows: gram.rows,
    gram: gram.data,
    start: workspaceStart(gram.rows, slot),
    ...(gram.memory && { memory: gram.memory }),
  }));
  const save = async (index: number, solutions: readonly Solution[]): Promise<void> => {
    await kept?.write(index, solutions);
    receive(index, solutions);
  };
  if (threads > 1) await runInThreads(places, common, left, save);
  // The remaining tasks: with one thread, or if no other could be started.
  const open = left.filter(({ index }) => !taken.has(index));
  if (open.length > 0) await runHere(places[0]!, common, open, save);
};
