// Reads untrusted HDF5 files in a separate worker, with a time limit for each request; the worker is then
// terminated.
import { UsageError, messageOf } from '../errors.js';
import { ThreadError, Threads } from '../threads/threads.js';
import { FileBytes } from './file-bytes.js';
import type { Hdf5File, Hdf5Handlers, Hdf5Index, Hdf5Rows } from './hdf5-worker.js';

const ANSWER_SECONDS = 60;

/** An HDF5 file that is read in a worker. The caller closes it. */
export interface Hdf5 {
  readonly index: Hdf5Index;
  /** Rows [from, to) along the first axis, as float32. */
  rows(dataset: string, from: number, to: number): Promise<Float32Array>;
  /** Values [from, to) of one of `index.columns`, as texts. */
  texts(dataset: string, from: number, to: number): Promise<string[]>;
  close(): Promise<void>;
}

/** A worker that answers one request at a time. A timeout or a crash ends it. */
export class Hdf5Worker {
  readonly #threads = new Threads<Hdf5Handlers>(new URL('./hdf5-worker.js', import.meta.url), {
    name: 'The HDF5 reader',
    silent: true,
    unref: true,
  });
  readonly #seconds: number;

  /** @param seconds time limit for a response */
  constructor(seconds = ANSWER_SECONDS) {
    this.#seconds = seconds;
    void this.#threads.start(undefined);
  }

  /**
   * @throws VerydeepError with the reason: the HDF5 library's message, a crash, or no response in `seconds`
   */
  index(file: Hdf5File, seconds = this.#seconds): Promise<Hdf5Index> {
    return this.#threads.run('index', file, { seconds });
  }

  /** @throws VerydeepError like `index` */
  rows(rows: Hdf5Rows): Promise<Float32Array> {
    return this.#threads.run('rows', rows, { seconds: this.#seconds });
  }

  /** @throws VerydeepError like `index` */
  texts(rows: Hdf5Rows): Promise<string[]> {
    return this.#threads.run('texts', rows, { seconds: this.#seconds });
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}

/**
 * Opens an HDF5 file in a separate worker.
 *
 * @param name the file's name in messages @throws UsageError naming the file when it cannot be read, or when
 * the worker crashes or does not respond
 */
export const openHdf5 = async (path: string, worker = new Hdf5Worker(), name = path): Promise<Hdf5> => {
  const wrong = (error: unknown): UsageError => {
    const reason = error instanceof ThreadError ? error.reason : messageOf(error);
    return new UsageError(`The HDF5 file ${name} cannot be read: ${reason}.`);
  };
  const told = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      throw wrong(error);
    }
  };
  try {
    const file = new FileBytes(path);
    file.close();
    const index = await worker.index({ path, size: file.size });
    return {
      index,
      rows: (dataset, from, to) => told(() => worker.rows({ dataset, from, to })),
      texts: (dataset, from, to) => told(() => worker.texts({ dataset, from, to })),
      close: () => worker.close(),
    };
  } catch (error) {
    await worker.close();
    throw error instanceof UsageError ? error : wrong(error);
  }
};
