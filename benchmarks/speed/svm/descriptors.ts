// Descriptors of the SVM benchmark, from a VGG net with 4,096 numbers in fc7, trained on other drawings; cached on disk.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usableCores } from '../../../src/cores.js';
import type { Item } from '../../../src/datasets/dataset.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { openFeatures } from '../../../src/features/store/reader.js';
import type { Matrix } from '../../../src/matrix.js';
import { verydeep } from '../../command.js';
import { png, renderImages } from '../../demo/render.js';
import { scales, trainingFlags } from '../../demo/settings.js';
import { type Picture, choosePictures } from './pictures.js';

const cache = fileURLToPath(new URL('../../../../.cache/bench-svm/', import.meta.url));

/** Numbers of fc7, and of the three scales stacked. */
const WIDTH = 4096;

const SEED = 1;
const EPOCHS = 8;

/** The demo's net with the paper's fully-connected layers. */
const netFlags = [
  ...['--config', 'A', '--width', '0.25', '--blocks', '4'],
  ...['--input-size', '32', '--fully-connected', String(WIDTH), '--init', 'he'],
];

/** The id of an image in the store, which is also its path. */
const idOf = ({ name, drawing, scene }: Picture): string =>
  `${name}/${drawing.artist}-${String(scene).padStart(2, '0')}.png`;

/** Path of the net's weights; trained on the demo's training pictures on first use. */
const trainedNet = async (onNote: (text: string) => void): Promise<string> => {
  const out = join(cache, 'net');
  const path = join(out, 'backbone.safetensors');
  if (existsSync(path)) return path;
  onNote('training a net with 4,096 numbers in fc7, once …');
  const images = join(cache, 'pretrain');
  await renderImages(images, SEED, () => undefined);
  await rm(`${out}.new`, { recursive: true, force: true });
  await verydeep(
    ...['train', 'folder', '--data', join(images, 'pretrain'), ...netFlags, ...trainingFlags],
    ...['--epochs', String(EPOCHS), '--seed', String(SEED), '--out', `${out}.new`],
  );
  await rename(`${out}.new`, out);
  return path;
};

/** Renders missing pictures. */
const render = async (pictures: readonly Picture[]): Promise<Item[]> => {
  const folder = join(cache, 'pictures');
  for (const name of new Set(pictures.map((picture) => picture.name)))
    await mkdir(join(folder, name), { recursive: true });
  let next = 0;
  const work = async (): Promise<void> => {
    for (let picture = pictures[next++]; picture; picture = pictures[next++]) {
      const file = join(folder, idOf(picture));
      if (existsSync(file)) continue;
      await writeFile(`${file}.new`, await png({ drawing: picture.drawing, path: '' }, picture.scene));
      await rename(`${file}.new`, file);
    }
  };
  await Promise.all(Array.from({ length: 2 * usableCores() }, work));
  return pictures.map((picture) => {
    const id = idOf(picture);
    return { id, path: id, source: { file: join(folder, id) }, labels: [picture.name] };
  });
};

/** The pictures and their descriptors [pictures, 3 x 4096]: dense, three scales stacked, averaged with the mirror image. */
export const describePictures = async (
  onNote: (text: string) => void,
): Promise<{ pictures: Picture[]; matrix: Matrix }> => {
  const backbone = await trainedNet(onNote);
  const pictures = await choosePictures();
  const out = join(cache, 'features');
  const finished = join(cache, 'features.complete');
  if (!existsSync(finished)) {
    onNote(`describing ${pictures.length} pictures, once …`);
    const items = await render(pictures);
    await extractFeatures(
      items,
      [backbone],
      { scales: [...scales.multiple], aggregate: 'stack' },
      { out, resume: existsSync(out) },
    );
    await writeFile(finished, '');
  }
  onNote('reading descriptors …');
  const store = await openFeatures([out]);
  const rows = new Map(store.ids.map((id, row) => [id, row]));
  const matrix = await store.read('fc7');
  const order = pictures.map((picture) => rows.get(idOf(picture))!);
  const data = new Float32Array(matrix.data.length);
  order.forEach((row, i) =>
    data.set(matrix.data.subarray(row * matrix.columns, (row + 1) * matrix.columns), i * matrix.columns),
  );
  return { pictures, matrix: { ...matrix, data } };
};

/** The given rows of a matrix. */
export const rowsAt = (matrix: Matrix, rows: readonly number[]): Matrix => {
  const data = new Float32Array(rows.length * matrix.columns);
  rows.forEach((row, i) =>
    data.set(matrix.data.subarray(row * matrix.columns, (row + 1) * matrix.columns), i * matrix.columns),
  );
  return { rows: rows.length, columns: matrix.columns, data };
};

/** Averages the scales of stacked descriptors and L2-normalises the result, as the averaging recipe does. */
export const averaged = ({ rows, columns, data }: Matrix): Matrix => {
  const result = new Float32Array(rows * WIDTH);
  const scaleCount = columns / WIDTH;
  for (let i = 0; i < rows; i++) {
    const row = result.subarray(i * WIDTH, (i + 1) * WIDTH);
    for (let s = 0; s < scaleCount; s++) {
      const from = i * columns + s * WIDTH;
      for (let k = 0; k < WIDTH; k++) row[k]! += data[from + k]!;
    }
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let k = 0; k < WIDTH; k++) row[k]! /= norm;
  }
  return { rows, columns: WIDTH, data: result };
};
