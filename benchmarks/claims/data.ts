// The tables that some units need: the first split of Caltech-101, and raw pixels as descriptors.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { openDataset } from '../../src/datasets/open.js';
import { csvLines } from '../../src/formats/csv.js';
import { loadImage } from '../../src/images/decode.js';
import { resizeTo } from '../../src/images/resize.js';
import { writeFileAtomically } from '../../src/io/files.js';
import { drawSplit } from '../protocol/caltech.js';
import type { SplitSize } from './recipe.js';

/**
 * Writes the first random split of Caltech-101 as a table of paths, labels and splits, so that a net can be trained on the
 * images that train the SVMs.
 *
 * @param data the folder of Caltech-101
 */
export const writeCaltechSplit = async (
  data: string,
  path: string,
  { train: few, test: most }: SplitSize,
): Promise<void> => {
  const items = (await openDataset('caltech101', data)).items();
  const size = { splits: 1, trainPerClass: few, testPerClass: most, validationShare: 0.2, seed: 1 };
  const { train, test } = drawSplit(items, size, 0);
  const rows = [
    ...train.map((item) => ({ item, split: 'train' })),
    ...test.map((item) => ({ item, split: 'test' })),
  ];
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomically(
    path,
    csvLines([
      ['path', 'label', 'split'],
      ...rows.map(({ item, split }) => [item.source.file, item.labels[0]!, split]),
    ]),
  );
};

/** Writes every image of Caltech-101, squeezed to `side` × `side` pixels, as a row of numbers from 0 to 1: R, G, B, row by row. */
export const writePixels = async (data: string, path: string, side: number): Promise<void> => {
  const items = (await openDataset('caltech101', data)).items();
  await mkdir(dirname(path), { recursive: true });
  const file = createWriteStream(path);
  const count = 3 * side * side;
  file.write(csvLines([['id', ...Array.from({ length: count }, (_, i) => `x_${i}`)]]));
  for (const { id, source } of items) {
    const { data: pixels } = await resizeTo(await loadImage(source), side, side, 'cubic');
    const line = csvLines([[id, ...Array.from(pixels, (value) => value / 255)]]);
    if (!file.write(line)) await once(file, 'drain');
  }
  file.end();
  await finished(file);
};
