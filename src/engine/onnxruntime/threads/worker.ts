// A worker thread that computes on the memory of this one: half of a loop over a large tensor, or units of a Winograd convolution.
import { Worker } from 'node:worker_threads';
import { VerydeepError, option, text } from '../../../errors.js';
import { storeAddress } from '../../ort.js';

/** What a worker computes; its place in this list stands for it in shared memory. */
export const taskKinds = [
  'poolGradient',
  'reluGradient',
  'momentum',
  'winogradConvolution',
  'winogradFilterGradient',
  'batchNormMoments',
  'batchNorm',
  'batchNormGradientSums',
  'batchNormGradient',
] as const;
export type TaskKind = (typeof taskKinds)[number];

/** A task: what is computed, the numbers that it depends on, and the arrays that it reads and writes. */
export interface WorkerTask {
  readonly kind: TaskKind;
  readonly parameters: readonly number[];
  readonly arrays: readonly Float32Array[];
  /** How many sums the task returns. */
  readonly sums: number;
}

const MOST_ARRAYS = 4;
const MOST_PARAMETERS = 16;
const MOST_SUMS = 8192;
/** How often the state is read before this thread sleeps: both halves of a loop end within microseconds of each other. */
const SPINS = 20_000;
/** Milliseconds without an answer after which the worker is given up. */
const TIMEOUT = 60_000;

/** What each number of {@link WorkerMemory.header} is: the state, the kind of the task, the lengths of its arrays, its sums. */
export const HEADER = {
  state: 0,
  kind: 1,
  lengths: 2,
  sums: 2 + MOST_ARRAYS,
  size: 3 + MOST_ARRAYS,
} as const;
/** The states of a worker. Only `idle` workers take tasks; whoever changes the state wakes the other thread. */
export const STATE = { starting: 0, idle: 1, busy: 2, failed: 3, closing: 4 } as const;

/** The memory that both threads see. */
export interface WorkerMemory {
  readonly header: Int32Array;
  readonly addresses: BigUint64Array;
  readonly parameters: Float64Array;
  readonly sums: Float64Array;
}

const BYTES = 8 * (HEADER.size + MOST_ARRAYS + MOST_PARAMETERS + MOST_SUMS);

/** The arrays of {@link WorkerMemory} in shared memory. */
export const memoryIn = (buffer: SharedArrayBuffer): WorkerMemory => ({
  header: new Int32Array(buffer, 0, HEADER.size),
  addresses: new BigUint64Array(buffer, 8 * HEADER.size, MOST_ARRAYS),
  parameters: new Float64Array(buffer, 8 * (HEADER.size + MOST_ARRAYS), MOST_PARAMETERS),
  sums: new Float64Array(buffer, 8 * (HEADER.size + MOST_ARRAYS + MOST_PARAMETERS), MOST_SUMS),
});

/** What a worker's thread is started with: the shared memory, and the counter of the units that threads take. */
export interface WorkerStart {
  readonly buffer: SharedArrayBuffer;
  readonly nextUnit: Int32Array;
}

/** A worker of one backend. Its thread starts with the first task, and does not keep the process from ending. */
export class ComputeWorker {
  #memory: WorkerMemory | undefined;
  #thread: Worker | undefined;
  /** Tasks that it has finished. */
  finished = 0;

  /** @param nextUnit the counter of the units that several threads take from one task */
  constructor(readonly nextUnit = new Int32Array(new SharedArrayBuffer(4))) {}

  #start(): void {
    const buffer = new SharedArrayBuffer(BYTES);
    const memory = memoryIn(buffer);
    const workerData: WorkerStart = { buffer, nextUnit: this.nextUnit };
    const thread = new Worker(new URL('./worker-thread.js', import.meta.url), { workerData, execArgv: [] });
    const fail = (): void => void Atomics.store(memory.header, HEADER.state, STATE.failed);
    thread.on('error', fail).on('exit', fail);
    thread.unref();
    [this.#memory, this.#thread] = [memory, thread];
  }

  /**
   * Gives a task to the thread, if that has started and is idle. The arrays must stay untouched until {@link finish}.
   *
   * @returns whether the thread has taken it
   */
  begin({ kind, parameters, arrays, sums }: WorkerTask): boolean {
    if (!this.#memory) this.#start();
    const memory = this.#memory!;
    const { header } = memory;
    if (sums > MOST_SUMS || Atomics.load(header, HEADER.state) !== STATE.idle) return false;
    arrays.forEach((array, i) => {
      storeAddress(array, memory.addresses, i);
      header[HEADER.lengths + i] = array.length;
    });
    header[HEADER.kind] = taskKinds.indexOf(kind);
    header[HEADER.sums] = sums;
    memory.parameters.set(parameters);
    Atomics.store(header, HEADER.state, STATE.busy);
    Atomics.notify(header, HEADER.state);
    return true;
  }

  /**
   * Waits until the task that {@link begin} gave is finished.
   *
   * @returns its sums; undefined where the thread failed, and the task must be done again
   * @throws VerydeepError when the thread does not answer
   */
  finish(): Float64Array | undefined {
    const { header, sums } = this.#memory!;
    for (let i = 0; i < SPINS; i++) if (Atomics.load(header, HEADER.state) !== STATE.busy) break;
    // A loop: the thread may only now send the notification of the task before.
    while (Atomics.load(header, HEADER.state) === STATE.busy) {
      if (Atomics.wait(header, HEADER.state, STATE.busy, TIMEOUT) === 'timed-out')
        throw new VerydeepError(
          text`The worker thread of the engine does not answer: compute with ${option('threads')} 1.`,
        );
    }
    if (Atomics.load(header, HEADER.state) !== STATE.idle) return undefined;
    this.finished++;
    return sums.slice(0, header[HEADER.sums]);
  }

  /** The memory that it shares with its thread, once that has started. */
  get memory(): WorkerMemory | undefined {
    return this.#memory;
  }

  /** Ends the thread: by itself if it is idle. The next task starts another one. */
  close(): void {
    if (this.#memory) {
      const { header } = this.#memory;
      if (Atomics.compareExchange(header, HEADER.state, STATE.idle, STATE.closing) === STATE.idle)
        Atomics.notify(header, HEADER.state);
      else void this.#thread!.terminate();
    }
    this.#thread = this.#memory = undefined;
  }
}
