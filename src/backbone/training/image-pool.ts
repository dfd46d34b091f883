// The worker threads that prepare images: jobs go to the least busy one, answers come back as promises.
import { Worker } from 'node:worker_threads';
import { VerydeepError, messageOf } from '../../errors.js';
import type { Answer, Job, TaskResult } from './image-worker.js';

interface Member {
  readonly worker: Worker;
  readonly waiting: Map<
    number,
    { resolve: (results: readonly TaskResult[]) => void; reject: (e: Error) => void }
  >;
}

/** A pool of image workers. Whoever makes one closes it. */
export class ImagePool {
  readonly #members: readonly Member[];
  #serial = 0;

  constructor(size: number) {
    this.#members = Array.from({ length: size }, () => {
      const worker = new Worker(new URL('./image-worker.js', import.meta.url));
      const member: Member = { worker, waiting: new Map() };
      const fail = (reason: string) => {
        for (const { reject } of member.waiting.values()) {
          reject(new VerydeepError(`A worker thread that reads images failed: ${reason}.`));
        }
        member.waiting.clear();
      };
      worker.on('message', ({ id, results, error }: Answer) => {
        const job = member.waiting.get(id);
        member.waiting.delete(id);
        if (results) job?.resolve(results);
        else job?.reject(new VerydeepError(`Cannot prepare images: ${error ?? 'unknown reason'}.`));
      });
      worker.on('error', (error) => fail(messageOf(error)));
      worker.on('exit', (code) => fail(`it ended with code ${code}`));
      return member;
    });
  }

  get size(): number {
    return this.#members.length;
  }

  /** Gives a job to the worker that has the fewest. */
  run(job: Omit<Job, 'id'>): Promise<readonly TaskResult[]> {
    const member = this.#members.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
    const id = this.#serial++;
    return new Promise((resolve, reject) => {
      member.waiting.set(id, { resolve, reject });
      member.worker.postMessage({ ...job, id } satisfies Job);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
  }
}
