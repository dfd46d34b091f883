// Text formats: CSV (a column a number) and LIBSVM (label index:value …).
import type { FileHandle } from 'node:fs/promises';
import { csvLines } from '../../../formats/csv.js';
import { writeAtomically, writeFileAtomically } from '../../../io/files.js';
import { rowOf } from '../../../matrix.js';
import type { FeatureStore } from '../reader.js';

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

/** The shortest decimal that gives the same float32 again. */
const shortest = (x: number): string => {
  for (let digits = 6; digits < 9; digits++) {
    const text = x.toPrecision(digits);
    if (Math.fround(Number(text)) === x) return String(Number(text));
  }
  return String(Number(x.toPrecision(9)));
};

/** Writes a CSV: id, path, labels (with |), and a column for each number of the descriptor, `fc7_0`, `fc7_1`, … */
export const exportCsv = async (store: FeatureStore, layer: string, path: string): Promise<string[]> => {
  await writeAtomically(path, async (file) => {
    const names = Array.from({ length: store.columns(layer) }, (_, i) => `${layer}_${i}`);
    await file.writeFile(csvLines([['id', 'path', 'labels', ...names]]));
    await writeLines(file, store, layer, (row, descriptor) => {
      const fields = csvLines([[store.ids[row]!, store.paths[row]!, store.labels[row]!.join('|')]]);
      // Numbers need no quotes; the library would take as long for them as it takes to write them.
      return `${fields.slice(0, -1)},${Array.from(descriptor, shortest).join(',')}\n`;
    });
  });
  return [path];
};

/**
 * Writes LIBSVM's format: labels as numbers (several with commas, none as nothing before the first blank), then
 * `index:value` from 1 on for what is not zero. The classes, in the order of their numbers from 0, go to `<path>.classes`.
 */
export const exportLibsvm = async (store: FeatureStore, layer: string, path: string): Promise<string[]> => {
  const classes = [...new Set(store.labels.flat())].sort();
  const numbers = new Map(classes.map((name, i) => [name, i]));
  await writeAtomically(path, (file) =>
    writeLines(file, store, layer, (row, descriptor) => {
      const fields = [store.labels[row]!.map((label) => numbers.get(label)).join(',')];
      descriptor.forEach((x, i) => {
        if (x !== 0) fields.push(`${i + 1}:${shortest(x)}`);
      });
      return `${fields.join(' ')}\n`;
    }),
  );
  const names = `${path}.classes`;
  await writeFileAtomically(names, classes.map((name) => `${name}\n`).join(''));
  return [path, names];
};
