// The worker threads of an extraction, which compute on the same weights.
import { type SharedSession, prepareSharing } from '../../engine/shared-slots.js';
import type { Room } from '../../images/image.js';
import { Threads } from '../../threads/threads.js';
import { PixelMemory } from './pixels.js';
import type { RunnerSpec } from './runner.js';
import type { View } from '../recipe/views.js';
import type { DescribeHandlers, WorkerData } from './worker.js';

/** For each net the session that others may use. */
type Shared = readonly (SharedSession | undefined)[];

/** Seconds in which threads free their nets when the pool is closed. */
const PATIENCE = 10;

/** The nets as a further worker runs them. */
const onShared = (specs: readonly RunnerSpec[], shared: Shared): RunnerSpec[] =>
  specs.map((spec, i) => {
    const session = shared[i];
    return session && spec.kind !== 'tfjs' ? { ...spec, model: new Uint8Array(0), shared: session } : spec;
  });

/** Worker threads that compute on the same weights. Whoever starts a pool closes it. */
export class Pool {
  readonly #threads = new Threads<DescribeHandlers, WorkerData, Shared>(
    new URL('./worker.js', import.meta.url),
    {
      name: 'A worker thread of the extraction',
    },
  );
  readonly #memory = new PixelMemory();
  /** Memory for pixels that `describe` will be given: it need not copy them. */
  readonly room: Room = this.#memory.take;
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
      const shared = await pool.#threads.start({ ...data, sharing: workers > 1 });
      const further = { ...data, specs: onShared(data.specs, shared) };
      await Promise.all(Array.from({ length: workers - 1 }, () => pool.#threads.start(further)));
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

  /**
   * Descriptors of an image, a vector a layer. Pixels in `room` are not the caller's any more.
   *
   * @throws VerydeepError when the computation fails
   */
  async describe(views: readonly View[]): Promise<readonly Float32Array[]> {
    const held = views.map((view) => ({ ...view, image: this.#memory.hold(view.image) }));
    try {
      const { descriptors, seconds } = await this.#threads.run('describe', held);
      this.#busySeconds += seconds;
      return descriptors;
    } finally {
      for (const { image } of held) this.#memory.give(image);
    }
  }

  /** Ends the threads once they have answered. */
  close(): Promise<void> {
    return this.#threads.close(PATIENCE);
  }
}
