// The worker threads of an extraction: jobs go to the least busy one, answers come back as promises.
import { Worker } from 'node:worker_threads';
import { type SharedSession, prepareSharing } from '../../engine/shared-slots.js';
import { VerydeepError, messageOf } from '../../errors.js';
import type { Room } from '../../images/image.js';
import { PixelMemory } from './pixels.js';
import type { Recipe } from '../recipe/recipe.js';
import type { RunnerSpec } from './runner.js';
import type { View } from '../recipe/views.js';

/** What a worker is started with. */
export interface WorkerData {
  readonly specs: readonly RunnerSpec[];
  readonly recipe: Recipe;
  /** Whether other workers will use this one's weights, where they can. */
  readonly sharing?: boolean;
}

/** For each net the session that others may use. */
type Shared = readonly (SharedSession | undefined)[];

export interface WorkerRequest {
  readonly job: number;
  readonly views: readonly View[];
}

export type WorkerAnswer =
  | { readonly kind: 'ready'; readonly shared: Shared }
  | { readonly kind: 'broken'; readonly reason: string }
  | {
      readonly kind: 'done';
      readonly job: number;
      readonly descriptors: readonly Float32Array[];
      /** Time that the worker computed. */
      readonly seconds: number;
    }
  | { readonly kind: 'failed'; readonly job: number; readonly reason: string };

interface Job {
  readonly resolve: (descriptors: readonly Float32Array[]) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  readonly ended: Promise<void>;
}

/** The nets as a further worker runs them. */
const onShared = (specs: readonly RunnerSpec[], shared: Shared): RunnerSpec[] =>
  specs.map((spec, i) => {
    const session = shared[i];
    return session && spec.kind !== 'tfjs' ? { ...spec, model: new Uint8Array(0), shared: session } : spec;
  });

/** Worker threads that compute on the same weights. Whoever starts a pool closes it. */
export class Pool {
  readonly #members: Member[] = [];
  readonly #memory = new PixelMemory();
  /** Memory for pixels that `describe` will be given: it need not copy them. */
  readonly room: Room = this.#memory.take;
  #serial = 0;
  #broken: Error | undefined;
  #busySeconds = 0;

  private constructor() {
    // made by start
  }

  /**
   * Starts the threads and waits until every net is loaded. The first loads the weights; the others share them.
   *
   * @throws VerydeepError when a net cannot be loaded
   */
  static async start(data: WorkerData, workers: number): Promise<Pool> {
    const pool = new Pool();
    prepareSharing();
    try {
      const shared = await pool.#add({ ...data, sharing: workers > 1 });
      const further = { ...data, specs: onShared(data.specs, shared) };
      await Promise.all(Array.from({ length: workers - 1 }, () => pool.#add(further)));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** Seconds that the workers have computed, over all of them. */
  get busySeconds(): number {
    return this.#busySeconds;
  }

  #add(data: WorkerData): Promise<Shared> {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data });
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const member: Member = { worker, jobs: new Map(), ended };
    this.#members.push(member);
    return new Promise((ready, broken) => {
      const fail = (error: Error): void => {
        this.#broken ??= error;
        broken(error);
        for (const { reject } of member.jobs.values()) reject(error);
        member.jobs.clear();
      };
      worker.on('message', (answer: WorkerAnswer) => {
        if (answer.kind === 'ready') ready(answer.shared);
        else if (answer.kind === 'broken') fail(new VerydeepError(answer.reason));
        else {
          const job = member.jobs.get(answer.job);
          member.jobs.delete(answer.job);
          if (answer.kind === 'done') {
            this.#busySeconds += answer.seconds;
            job?.resolve(answer.descriptors);
          } else job?.reject(new VerydeepError(answer.reason));
        }
      });
      worker.on('error', (error) =>
        fail(new VerydeepError(`A worker thread of the extraction failed: ${messageOf(error)}.`)),
      );
      worker.on('exit', (code) => {
        if (member.jobs.size > 0 || code !== 0)
          fail(new VerydeepError(`A worker thread of the extraction ended with code ${code}.`));
      });
    });
  }

  /**
   * Descriptors of an image, a vector a layer. Pixels in `room` are not the caller's any more.
   *
   * @throws VerydeepError when the computation fails
   */
  describe(views: readonly View[]): Promise<readonly Float32Array[]> {
    if (this.#broken) return Promise.reject(this.#broken);
    const member = this.#members.reduce((least, each) => (each.jobs.size < least.jobs.size ? each : least));
    const job = this.#serial++;
    const held = views.map((view) => ({ ...view, image: this.#memory.hold(view.image) }));
    return new Promise<readonly Float32Array[]>((resolve, reject) => {
      member.jobs.set(job, { resolve, reject });
      member.worker.postMessage({ job, views: held } satisfies WorkerRequest);
    }).finally(() => held.forEach(({ image }) => this.#memory.give(image)));
  }

  /** Ends the threads once they have answered. */
  async close(): Promise<void> {
    await Promise.all(
      this.#members.map(async ({ worker, ended }) => {
        worker.postMessage('close');
        const patience = setTimeout(() => void worker.terminate(), 10_000);
        await ended;
        clearTimeout(patience);
      }),
    );
  }
}
