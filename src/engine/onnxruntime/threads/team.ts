// Several threads that take units of one task in turn: the workers that are idle, and the calling thread.
import type { Sessions } from '../sessions.js';
import type { ComputeWorker, WorkerTask } from './worker.js';

/** The threads, as OpenMP's team. */
export interface ThreadTeam {
  readonly workers: readonly ComputeWorker[];
  /** The counter of the units that have been taken; the workers' own. */
  readonly nextUnit: Int32Array;
  /** Compiled graphs of a single thread, for the calling thread. */
  readonly sessions: Sessions;
}

/**
 * Computes a task on all threads. If a worker fails, all units are computed again in this thread.
 *
 * @param compute computes units, by the numbers that `next` gives, until there are no more
 */
export const shareUnits = (
  { workers, nextUnit, sessions }: ThreadTeam,
  task: WorkerTask,
  compute: (sessions: Sessions, next: () => number) => void,
): void => {
  const next = (): number => Atomics.add(nextUnit, 0, 1);
  Atomics.store(nextUnit, 0, 0);
  const busy = workers.filter((worker) => worker.begin(task));
  let finished = 0;
  try {
    compute(sessions, next);
  } finally {
    // Even if this thread fails: the workers use the arrays until they are done.
    for (const worker of busy) if (worker.finish()) finished++;
  }
  if (finished === busy.length) return;
  Atomics.store(nextUnit, 0, 0);
  compute(sessions, next);
};
