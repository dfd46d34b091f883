// Opens .npy and .npz files as tables: an array is a column.
import { join } from 'node:path';
import { UsageError, expected } from '../../errors.js';
import { FileBytes } from '../file-bytes.js';
import { unpackEntry, zipEntries } from '../zip.js';
import { type NpyArray, npyArray } from './npy.js';
import { type ForeignTable, WHAT } from './table.js';

/** A table of arrays by name; `close` closes their files. */
const tableOf = (
  path: string,
  format: string,
  arrays: ReadonlyMap<string, NpyArray>,
  files: readonly FileBytes[],
): ForeignTable => ({
  path,
  format,
  columns: [...arrays].map(([name, { kind, rows, half }]) => ({ name, kind, rows, half })),
  texts: (name) => Promise.resolve(arrays.get(name)!.texts()),
  // eslint-disable-next-line @typescript-eslint/require-await -- other formats wait
  numbers: async function* (name) {
    yield* arrays.get(name)!.blocks();
  },
  close: () => {
    for (const file of files) file.close();
    return Promise.resolve();
  },
});

/** Opens a .npy file; its only column is called `array`. @throws UsageError as {@link npyArray} */
export const openNpy = (path: string): ForeignTable => {
  const file = new FileBytes(path, WHAT);
  try {
    return tableOf(path, 'npy', new Map([['array', npyArray(file, 0, file.size, path)]]), [file]);
  } catch (error) {
    file.close();
    throw error;
  }
};

/**
 * Opens a .npz file. Compressed arrays are unpacked.
 *
 * @param scratch folder for unpacked arrays
 * @throws UsageError for an archive without an array of vectors or texts
 */
export const openNpz = async (path: string, scratch: string): Promise<ForeignTable> => {
  const files = [new FileBytes(path, WHAT)];
  const archive = files[0]!;
  const arrays = new Map<string, NpyArray>();
  let trouble: UsageError | undefined;
  try {
    let number = 0;
    for (const [entry, place] of await zipEntries(archive)) {
      if (!entry.endsWith('.npy')) continue;
      const name = entry.slice(0, -'.npy'.length);
      const where = `the array ${name} of ${path}`;
      let [file, offset, length] = [archive, place.offset, place.length];
      if (place.kind !== 'stored') {
        const target = join(scratch, `${number++}.npy`);
        await unpackEntry(archive, entry, place, target);
        file = new FileBytes(target, WHAT);
        files.push(file);
        [offset, length] = [0, file.size];
      }
      try {
        arrays.set(name, npyArray(file, offset, length, where));
      } catch (error) {
        // Scalars, labels and the like are of no concern, unless there is nothing else.
        if (!(error instanceof UsageError)) throw error;
        trouble ??= error;
      }
    }
    if (arrays.size === 0) throw trouble ?? expected('arrays of numbers', path, 'none');
    return tableOf(path, 'npz', arrays, files);
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
};
