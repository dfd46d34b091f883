// HDF5 files from outside: a worker of their own, a time limit for each answer, and the worker is thrown away after.
import { UsageError, messageOf } from '../errors.js';
import { ThreadError, Threads } from '../threads/threads.js';
import { FileBytes } from './file-bytes.js';
import type { Hdf5File, Hdf5Handlers, Hdf5Index, Hdf5Rows } from './hdf5-worker.js';

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
  readonly #threads = new Threads<Hdf5Handlers>(new URL('./hdf5-worker.js', import.meta.url), {
    name: 'The HDF5 reader',
    silent: true,
    unref: true,
  });
  readonly #seconds: number;

  /** @param seconds how long an answer may take */
  constructor(seconds = ANSWER_SECONDS) {
    this.#seconds = seconds;
    void this.#threads.start(undefined);
  }

  /** @throws VerydeepError with the reason: what the HDF5 library said, a crash, or no answer in `seconds` */
  index(file: Hdf5File, seconds = this.#seconds): Promise<Hdf5Index> {
    return this.#threads.run('index', file, { seconds });
  }

  /** @throws VerydeepError like `index` */
  rows(rows: Hdf5Rows): Promise<Float32Array> {
    return this.#threads.run('rows', rows, { seconds: this.#seconds });
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}

/**
 * Opens an HDF5 file in a worker of its own.
 *
 * @param name what messages call it
 * @throws UsageError naming the file when it cannot be read, when the reader crashes or does not answer
 */
export const openHdf5 = async (path: string, worker = new Hdf5Worker(), name = path): Promise<Hdf5> => {
  const wrong = (error: unknown): UsageError => {
    const reason = error instanceof ThreadError ? error.reason : messageOf(error);
    return new UsageError(`The HDF5 file ${name} cannot be read: ${reason}.`);
  };
  try {
    const file = new FileBytes(path);
    file.close();
    const index = await worker.index({ path, size: file.size });
    return {
      index,
      rows: async (dataset, from, to) => {
        try {
          return await worker.rows({ dataset, from, to });
        } catch (error) {
          throw wrong(error);
        }
      },
      close: () => worker.close(),
    };
  } catch (error) {
    await worker.close();
    throw error instanceof UsageError ? error : wrong(error);
  }
};
