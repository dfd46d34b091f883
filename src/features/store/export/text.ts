// Exports to text formats: CSV (one column per value) and LIBSVM (label index:value …).
import type { FileHandle } from 'node:fs/promises';
import { csvLines } from '../../../formats/csv.js';
import { writeAtomically, writeFileAtomically } from '../../../io/files.js';
import { rowOf } from '../../../matrix.js';
import type { FeatureStore } from '../reader.js';
import type { Claim } from './claim.js';
import { isLabelled } from './labelled.js';

const writeLines = async (
  file: FileHandle,
  store: FeatureStore,
  layer: string,
  line: (row: number, descriptor: Float32Array) => string,
): Promise<void> => {
  for await (const { start, matrix } of store.batches(layer)) {
    let text = '';
    for (let i = 0; i < matrix.rows; i++) text += line(start + i, rowOf(matrix, i));
    await file.writeFile(text);
  }
};

/** The shortest decimal that parses to the same float32. */
const shortest = (x: number): string => {
  for (let digits = 6; digits < 9; digits++) {
    const text = x.toPrecision(digits);
    if (Math.fround(Number(text)) === x) return String(Number(text));
  }
  return String(Number(x.toPrecision(9)));
};

/**
 * Writes a CSV: id, path, labels (with |; no such column if there are none), and one column per value of the descriptor, `fc7_0`, `fc7_1`, …
 */
export const exportCsv = (
  store: FeatureStore,
  layer: string,
  path: string,
  claim: Claim,
): Promise<string[]> => {
  const write = async (file: FileHandle): Promise<void> => {
    const names = Array.from({ length: store.columns(layer) }, (_, i) => `${layer}_${i}`);
    const labelled = isLabelled(store);
    await file.writeFile(csvLines([['id', 'path', ...(labelled ? ['labels'] : []), ...names]]));
    await writeLines(file, store, layer, (row, descriptor) => {
      const labels = labelled ? [store.labels[row]!.join('|')] : [];
      const fields = csvLines([[store.ids[row]!, store.paths[row]!, ...labels]]);
      // Numbers need no quotes; checking them for quotes would double the time.
      return `${fields.slice(0, -1)},${Array.from(descriptor, shortest).join(',')}\n`;
    });
  };
  return claim([path], () => writeAtomically(path, write));
};

/**
 * Writes LIBSVM's format: class indices from 0 (several separated by commas; empty if the image has no
 * label), then `index:value` for non-zero values, with indices from 1. The class names go to
 * `<path>.classes`, in order. Of a store without labels every class is 0, as LIBSVM asks for, and there are no
 * names.
 */
export const exportLibsvm = (
  store: FeatureStore,
  layer: string,
  path: string,
  claim: Claim,
): Promise<string[]> => {
  const classes = [...new Set(store.labels.flat())].sort();
  const labelled = isLabelled(store);
  const numbers = new Map(classes.map((name, i) => [name, i]));
  const write = (file: FileHandle): Promise<void> =>
    writeLines(file, store, layer, (row, descriptor) => {
      const fields = [labelled ? store.labels[row]!.map((label) => numbers.get(label)).join(',') : '0'];
      descriptor.forEach((x, i) => {
        if (x !== 0) fields.push(`${i + 1}:${shortest(x)}`);
      });
      return `${fields.join(' ')}\n`;
    });
  const names = `${path}.classes`;
  return claim(labelled ? [path, names] : [path], async () => {
    await writeAtomically(path, write);
    if (labelled) await writeFileAtomically(names, classes.map((name) => `${name}\n`).join(''));
  });
};
