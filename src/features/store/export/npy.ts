// NumPy's format: a header and the numbers, row by row; what is known of the images goes into a CSV beside it.
import { csvLines } from '../../../formats/csv.js';
import { writeAtomically, writeFileAtomically } from '../../../io/files.js';
import type { FeatureStore } from '../reader.js';

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

/** What is known of the images, a line each, in the order of the rows: id, path, sha256, labels (with |), width, height. */
const imagesCsv = (store: FeatureStore): string =>
  csvLines([
    ['id', 'path', 'sha256', 'labels', 'width', 'height'],
    ...store.ids.map((id, i) => [
      id,
      store.paths[i]!,
      store.sha256[i]!,
      store.labels[i]!.join('|'),
      store.widths[i]!,
      store.heights[i]!,
    ]),
  ]);

/** Writes descriptors of a layer as `path` (.npy) and the images as `<path without .npy>.csv`. */
export const exportNpy = async (store: FeatureStore, layer: string, path: string): Promise<string[]> => {
  await writeAtomically(path, async (file) => {
    await file.write(npyHeader(store.rows, store.columns(layer)));
    for await (const { matrix } of store.batches(layer)) {
      const { buffer, byteOffset, byteLength } = matrix.data;
      await file.writeFile(new Uint8Array(buffer, byteOffset, byteLength));
    }
  });
  const csv = `${path.replace(/\.npy$/, '')}.csv`;
  await writeFileAtomically(csv, imagesCsv(store));
  return [path, csv];
};
