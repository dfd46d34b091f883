// Exports to NumPy's format; the images' columns go to a CSV beside it.
import { open } from 'node:fs/promises';
import { codeOf, expected, option } from '../../../errors.js';
import { csvLines } from '../../../formats/csv.js';
import { writeAtomically, writeFileAtomically } from '../../../io/files.js';
import type { FeatureStore } from '../reader.js';
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

/** How a file begins; undefined where there is none. */
const startOf = async (path: string, bytes: number): Promise<string | undefined> => {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Whether a path is free, or taken by a file that begins like ours: another export is never written over. */
const isOurs = async (path: string, start: string): Promise<boolean> => {
  const there = await startOf(path, start.length);
  return there === undefined || there === start;
};

/** The first of `paths` that is ours. @throws UsageError naming the first one where none is */
const freeOf = async (paths: readonly string[], start: string): Promise<string> => {
  for (const path of paths) if (await isOurs(path, start)) return path;
  throw expected(
    'a name that no other file has',
    option('out'),
    paths[0],
    'Another export is there: choose another name.',
  );
};

/**
 * Writes descriptors of a layer as `path` (.npy) and the images as `<path without .npy>.csv`, or, where that is another
 * file than such a list, as `<path>.csv`.
 *
 * @throws UsageError where `path` is a file of another format
 */
export const exportNpy = async (store: FeatureStore, layer: string, path: string): Promise<string[]> => {
  await freeOf([path], '\x93NUMPY');
  const csv = await freeOf([`${path.replace(/\.npy$/, '')}.csv`, `${path}.csv`], 'id,path,sha256,');
  await writeAtomically(path, async (file) => {
    await file.write(npyHeader(store.rows, store.columns(layer)));
    for await (const { matrix } of store.batches(layer)) {
      const { buffer, byteOffset, byteLength } = matrix.data;
      await file.writeFile(new Uint8Array(buffer, byteOffset, byteLength));
    }
  });
  await writeFileAtomically(csv, imagesCsv(store));
  return [path, csv];
};
