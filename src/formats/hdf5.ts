// HDF5 files from outside: a worker of their own, a time limit for each answer, and the worker is thrown away after.
import { Worker } from 'node:worker_threads';
import { UsageError } from '../errors.js';
import { FileBytes } from './file-bytes.js';
import type { Hdf5Index, Hdf5Reply, Hdf5Request } from './hdf5-worker.js';

const ANSWER_SECONDS = 60;

/** An HDF5 file being read in a worker. Whoever opens it closes it. */
export interface Hdf5 {
  readonly index: Hdf5Index;
  /** Rows [from, to) along the first axis, as float32. */
  rows(dataset: string, from: number, to: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A worker that answers one question after another. Any silence or crash ends it. */
export class Hdf5Worker {
  readonly #worker = new Worker(new URL('./hdf5-worker.js', import.meta.url), { stdout: true, stderr: true });
  #gone: string | undefined;

  constructor() {
    this.#worker.on('error', (error: Error) => (this.#gone = error.message));
    this.#worker.on('exit', () => (this.#gone ??= 'the reader ended'));
    this.#worker.unref();
  }

  /** @throws Error with the reason: what the HDF5 library said, a crash, or no answer in `seconds` */
  ask(request: Hdf5Request, seconds = ANSWER_SECONDS): Promise<Hdf5Index | Float32Array> {
    return new Promise((resolve, reject) => {
      const worker = this.#worker;
      const end = (finish: () => void): void => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        finish();
      };
      const fail = (reason: string) => end(() => reject(new Error(reason)));
      const onMessage = (reply: Hdf5Reply): void => {
        if ('failure' in reply) fail(reply.failure);
        else end(() => resolve(reply.result));
      };
      const onError = (error: Error) => fail(error.message);
      const onExit = () => fail('the reader ended');
      const timer = setTimeout(() => {
        void this.close();
        fail(`no answer in ${seconds} seconds`);
      }, seconds * 1000);
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      if (this.#gone !== undefined) fail(this.#gone);
      else worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/**
 * Opens an HDF5 file in a worker of its own.
 *
 * @throws UsageError naming the file when it cannot be read, when the reader crashes or does not answer
 */
export const openHdf5 = async (path: string, worker = new Hdf5Worker()): Promise<Hdf5> => {
  const wrong = (error: unknown): UsageError =>
    new UsageError(
      `The HDF5 file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  try {
    const file = new FileBytes(path);
    file.close();
    const index = await worker.ask({ open: path, size: file.size });
    if (index instanceof Float32Array) throw new Error('the reader gave numbers for an index');
    return {
      index,
      rows: async (dataset, from, to) => {
        const numbers = await worker.ask({ dataset, from, to }).catch((error: unknown) => {
          throw wrong(error);
        });
        return numbers as Float32Array;
      },
      close: () => worker.close(),
    };
  } catch (error) {
    await worker.close();
    throw error instanceof UsageError ? error : wrong(error);
  }
};
