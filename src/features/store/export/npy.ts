// Exports to NumPy's format; the images' columns go to a CSV beside it.
import { open } from 'node:fs/promises';
import { csvLines } from '../../../formats/csv.js';
import { writeAtomically, writeFileAtomically } from '../../../io/files.js';
import type { FeatureStore } from '../reader.js';
import type { Claim } from './claim.js';
import { isLabelled } from './labelled.js';

/** The header of a version 1.0 file of float32, C order, padded to a multiple of 64 bytes. */
const npyHeader = (rows: number, columns: number): Uint8Array => {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(length, ' ');
  header.write('\x93NUMPY', 0, 'latin1');
  header.set([1, 0], 6);
  header.writeUInt16LE(length - 10, 8);
  header.write(text, 10, 'latin1');
  header[length - 1] = 0x0a;
  return header;
};

/** The images in the order of the rows, one line each: id, path, sha256, labels (with |) if there are any, width, height. */
const imagesCsv = (store: FeatureStore): string => {
  const labels = isLabelled(store);
  return csvLines([
    ['id', 'path', 'sha256', ...(labels ? ['labels'] : []), 'width', 'height'],
    ...store.ids.map((id, i) => [
      id,
      store.paths[i]!,
      store.sha256[i]!,
      ...(labels ? [store.labels[i]!.join('|')] : []),
      store.widths[i]!,
      store.heights[i]!,
    ]),
  ]);
};

/** How a list of images begins, and no other export. */
const LIST_START = 'id,path,sha256,';

/** How a file begins; undefined where none can be read: taking it says why. */
const startOf = async (path: string, bytes: number): Promise<string | undefined> => {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
};

/** The path of the list of images: a name without `.npy` may be that of another export. */
const listPath = async (path: string): Promise<string> => {
  const list = `${path.replace(/\.npy$/, '')}.csv`;
  const there = await startOf(list, LIST_START.length);
  return there === undefined || there === LIST_START ? list : `${path}.csv`;
};

/**
 * Writes descriptors of a layer as `path` (.npy) and the images as `<path without .npy>.csv`, or, where that is another
 * file than such a list, as `<path>.csv`.
 *
 * @throws UsageError as `claim`
 */
export const exportNpy = async (
  store: FeatureStore,
  layer: string,
  path: string,
  claim: Claim,
): Promise<string[]> => {
  const csv = await listPath(path);
  return claim([path, csv], async () => {
    await writeAtomically(path, async (file) => {
      await file.write(npyHeader(store.rows, store.columns(layer)));
      for await (const { matrix } of store.batches(layer)) {
        const { buffer, byteOffset, byteLength } = matrix.data;
        await file.writeFile(new Uint8Array(buffer, byteOffset, byteLength));
      }
    });
    await writeFileAtomically(csv, imagesCsv(store));
  });
};
