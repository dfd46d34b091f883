// A thread that takes half of a loop over a large tensor, since one thread alone does not read memory as fast as the machine can; or
// its share of a convolution's units.
import { Worker } from 'node:worker_threads';
import { VerydeepError, option, text } from '../../../errors.js';
import { lend } from '../../ort.js';
import type { Extent, MomentumStep } from '../loops/loops.js';
import { type WinogradTask, taskFields } from '../winograd/units.js';

/** Half of a loop, or a convolution to take part in. Its numbers stand in the table of the helper. */
export type Job =
  | { readonly kind: 'poolGradient' | 'reluGradient'; readonly extent: Extent; readonly positive: boolean }
  | { readonly kind: 'momentum'; readonly step: MomentumStep }
  | { readonly kind: 'convolution' | 'filterGradient'; readonly task: WinogradTask };

/** The jobs by their numbers in {@link Desk.words}. */
export const kinds = ['poolGradient', 'reluGradient', 'momentum', 'convolution', 'filterGradient'] as const;

/** Arrays of a job, at most. */
const ARRAYS = 4;
/** What {@link Desk.words} hold: what is to be done, which job, the lengths of its arrays, and of the sums that came out. */
export const WORD = { state: 0, kind: 1, lengths: 2, sums: 2 + ARRAYS, length: 3 + ARRAYS } as const;
/** States of a desk. */
export const STATE = { starting: 0, free: 1, asked: 2, failed: 3, leaving: 4 } as const;

/** Channels whose sums fit. */
const MOST_SUMS = 8192;
/** Numbers of a job, at most. */
const NUMBERS = taskFields.length;
/** Looks at the desk before the thread sleeps: the halves end within microseconds of each other. */
const LOOKS = 20_000;
/** Milliseconds after which a helper is given up. */
const PATIENCE = 60_000;

/** The memory that both threads see. */
export interface Desk {
  readonly words: Int32Array;
  readonly addresses: BigUint64Array;
  readonly numbers: Float64Array;
  readonly sums: Float64Array;
}

const BYTES = 8 * (WORD.length + ARRAYS + NUMBERS + MOST_SUMS);

/** A desk in shared memory. */
export const deskIn = (memory: SharedArrayBuffer): Desk => ({
  words: new Int32Array(memory, 0, WORD.length),
  addresses: new BigUint64Array(memory, 8 * WORD.length, ARRAYS),
  numbers: new Float64Array(memory, 8 * (WORD.length + ARRAYS), NUMBERS),
  sums: new Float64Array(memory, 8 * (WORD.length + ARRAYS + NUMBERS), MOST_SUMS),
});

/** What a helper's thread is started with: its desk, and the number of the next unit of a job that several threads take part in. */
export interface Place {
  readonly desk: SharedArrayBuffer;
  readonly turns: Int32Array;
}

const numbersOf = (job: Job): number[] => {
  if ('task' in job) return taskFields.map((field) => job.task[field]);
  if ('step' in job) return [job.step.learningRate, job.step.momentum, job.step.decay];
  const { images, planes, rows, columns, channels } = job.extent;
  return [images, planes, rows, columns, channels, Number(job.positive)];
};

/** The helper of one backend. Its thread starts with the first job, and never keeps the process from ending. */
export class Helper {
  #desk: Desk | undefined;
  #worker: Worker | undefined;
  /** Jobs that it has done. */
  done = 0;

  /** @param turns where threads that do a job together count its units */
  constructor(readonly turns = new Int32Array(new SharedArrayBuffer(4))) {}

  #start(): void {
    const memory = new SharedArrayBuffer(BYTES);
    const desk = deskIn(memory);
    const workerData: Place = { desk: memory, turns: this.turns };
    const worker = new Worker(new URL('./worker-thread.js', import.meta.url), { workerData, execArgv: [] });
    const fail = (): void => void Atomics.store(desk.words, WORD.state, STATE.failed);
    worker.on('error', fail).on('exit', fail);
    worker.unref();
    [this.#desk, this.#worker] = [desk, worker];
  }

  /**
   * Hands a job over, where the thread is there and free. The arrays must stay untouched until {@link finish}.
   *
   * @returns whether it was taken
   */
  begin(job: Job, arrays: readonly Float32Array[]): boolean {
    if (!this.#desk) this.#start();
    const { words, addresses, numbers } = this.#desk!;
    const sums = 'extent' in job ? job.extent.planes * job.extent.channels : 0;
    if (sums > MOST_SUMS || Atomics.load(words, WORD.state) !== STATE.free) return false;
    arrays.forEach((array, i) => {
      lend(array, addresses, i);
      words[WORD.lengths + i] = array.length;
    });
    words[WORD.kind] = kinds.indexOf(job.kind);
    words[WORD.sums] = sums;
    numbers.set(numbersOf(job));
    Atomics.store(words, WORD.state, STATE.asked);
    Atomics.notify(words, WORD.state);
    return true;
  }

  /**
   * Waits for the job that {@link begin} handed over.
   *
   * @returns the sums that came out; undefined where the thread failed, and the job is to be done anew
   * @throws VerydeepError when it does not answer
   */
  finish(): Float64Array | undefined {
    const { words, sums } = this.#desk!;
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, WORD.state) !== STATE.asked) break;
    // The thread may still be about to say that it is done with the job before: to be woken is no answer.
    while (Atomics.load(words, WORD.state) === STATE.asked) {
      if (Atomics.wait(words, WORD.state, STATE.asked, PATIENCE) === 'timed-out')
        throw new VerydeepError(
          text`The helping thread of the engine does not answer: run with ${option('threads')} 1.`,
        );
    }
    if (Atomics.load(words, WORD.state) !== STATE.free) return undefined;
    this.done++;
    return sums.slice(0, words[WORD.sums]);
  }

  /** What it shares with its thread, once there is one. */
  get desk(): Desk | undefined {
    return this.#desk;
  }

  /** Ends the thread, if it is not in the middle of a job. The next job starts another one. */
  close(): void {
    if (this.#desk) {
      const { words } = this.#desk;
      if (Atomics.compareExchange(words, WORD.state, STATE.free, STATE.leaving) === STATE.free)
        Atomics.notify(words, WORD.state);
      else void this.#worker!.terminate();
    }
    this.#worker = this.#desk = undefined;
  }
}
