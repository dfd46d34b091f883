// The worker threads of an extraction; they share the weights.
import { type SharedSession, prepareSharing } from '../../engine/shared-slots.js';
import type { Room } from '../../images/image.js';
import { Threads } from '../../threads/threads.js';
import { PixelMemory } from './pixels.js';
import type { RunnerSpec } from './runner.js';
import type { View } from '../recipe/views.js';
import type { DescribeHandlers, WorkerData } from './worker.js';

/** The shareable session of each net. */
type Shared = readonly (SharedSession | undefined)[];

/** Time in seconds that threads have to free their nets when the pool closes. */
const PATIENCE = 10;

/** The nets as further workers run them. */
const onShared = (specs: readonly RunnerSpec[], shared: Shared): RunnerSpec[] =>
  specs.map((spec, i) => {
    const session = shared[i];
    return session && spec.kind !== 'tfjs' ? { ...spec, model: new Uint8Array(0), shared: session } : spec;
  });

/** Worker threads that share weights. The caller closes the pool. */
export class Pool {
  readonly #threads = new Threads<DescribeHandlers, WorkerData, Shared>(
    new URL('./worker.js', import.meta.url),
    {
      name: 'A worker thread of the extraction',
    },
  );
  readonly #memory = new PixelMemory();
  /** Shared memory for pixels: `describe` does not copy images that are in it. */
  readonly room: Room = this.#memory.take;
  #busySeconds = 0;

  private constructor() {
    // made by start
  }

  /**
   * Starts the threads and loads the nets: the first thread loads the weights, the others share them.
   *
   * @throws VerydeepError if a net cannot be loaded
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

  /** Computing time in seconds, summed over workers. */
  get busySeconds(): number {
    return this.#busySeconds;
  }

  /**
   * Descriptors of an image, one vector per layer. Takes ownership of pixels in `room`.
   *
   * @throws VerydeepError if the computation fails
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

  /** Stops the threads after they have answered. */
  close(): Promise<void> {
    return this.#threads.close(PATIENCE);
  }
}
