// Keras 3's .keras files: a zip archive with the configuration as JSON and the weights as HDF5.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expected } from '../errors.js';
import { FileBytes } from './file-bytes.js';
import { type Hdf5, type Hdf5Worker, openHdf5 } from './hdf5.js';
import { textOfEntry, unpackEntry, zipEntries } from './zip.js';

/** An open archive. The caller closes it. */
interface KerasArchive {
  /** config.json as text. */
  readonly config: string;
  readonly weights: Hdf5;
  close(): Promise<void>;
}

const CONFIG = 'config.json';
const WEIGHTS = 'model.weights.h5';

/** Whether a zip archive is a Keras model. @throws UsageError naming the file when it is damaged */
export const isKerasArchive = async (path: string): Promise<boolean> => {
  const file = new FileBytes(path);
  try {
    const entries = await zipEntries(file);
    return entries.has(CONFIG) && entries.has(WEIGHTS);
  } finally {
    file.close();
  }
};

/**
 * Opens a .keras file. The HDF5 library reads files only: the weights are copied to the folder for temporary
 * files until the archive is closed.
 *
 * @throws UsageError naming the file and the fault
 */
export const openKerasArchive = async (path: string, worker?: Hdf5Worker): Promise<KerasArchive> => {
  const file = new FileBytes(path);
  const folder = await mkdtemp(join(tmpdir(), 'verydeep-keras-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const entries = await zipEntries(file);
    const [config, packed] = [entries.get(CONFIG), entries.get(WEIGHTS)];
    if (!config || !packed) {
      throw expected(`a Keras model with ${CONFIG} and ${WEIGHTS}`, path, [...entries.keys()].slice(0, 4));
    }
    const unpacked = join(folder, WEIGHTS);
    await unpackEntry(file, WEIGHTS, packed, unpacked);
    const text = await textOfEntry(file, CONFIG, config);
    const weights = await openHdf5(unpacked, worker, `${WEIGHTS} in ${path}`);
    return {
      config: text,
      weights,
      close: async () => {
        await weights.close();
        await remove();
      },
    };
  } catch (error) {
    await worker?.close();
    await remove();
    throw error;
  } finally {
    file.close();
  }
};
