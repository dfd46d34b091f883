// Reading a feature store of 31,000 descriptors of 12,288 numbers into one matrix, against reading the same bytes plainly.
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../../src/files.js';
import { openFeatures } from '../../src/features/reader.js';
import { resolveRecipe } from '../../src/features/recipe.js';
import { PART_SIZE, type PartMetadata } from '../../src/features/store.js';
import { writePart } from '../../src/features/writer.js';
import { type SpeedBenchmark, row } from './row.js';

const cache = fileURLToPath(new URL('../../../.cache/', import.meta.url));
const COLUMNS = 12_288;

const write = async (folder: string, images: number): Promise<void> => {
  const parts = Math.ceil(images / PART_SIZE);
  const facts: Omit<PartMetadata, 'part'> = {
    format: 1,
    recipe: resolveRecipe({ aggregate: 'stack' }, 224),
    nets: [{ sha256: 'ab', config: 'D' }],
    hash: '0123456789abcdef',
    engine: 'onnxruntime cpu',
    list: 'list',
    images,
    parts,
    skipped: [],
  };
  for (let part = 0; part < parts; part++) {
    const count = Math.min(PART_SIZE, images - part * PART_SIZE);
    const rows = Array.from({ length: count }, (_, i) => {
      const id = `images/${String(part * PART_SIZE + i).padStart(6, '0')}.jpg`;
      const fc7 = new Float32Array(COLUMNS).map((_, k) =>
        Math.max(0, ((part * 31 + i * 17 + k * 13) % 101) - 50),
      );
      return { id, path: id, sha256: id, labels: ['a class'], width: 500, height: 375, descriptors: { fc7 } };
    });
    await writePart(folder, { ...facts, part }, rows, { fc7: COLUMNS });
  }
};

/** Drops the files' pages from memory, so that the next reading is the disk's. */
const evict = (folder: string, names: readonly string[]): boolean =>
  names.every(
    (name) =>
      spawnSync('dd', [`of=${join(folder, name)}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'])
        .status === 0,
  );

/** The files' bytes one after the other into fresh memory, as the matrix is: pages that were never touched are dear. */
const readPlainly = async (folder: string, names: readonly string[]): Promise<number> => {
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const bytes = new Uint8Array(sizes.reduce((a, b) => a + b, 0));
  let total = 0;
  for (const name of names) {
    const file = await open(join(folder, name), 'r');
    try {
      for (let read = -1; read !== 0; total += read)
        ({ bytesRead: read } = await file.read(bytes, total, bytes.length - total));
    } finally {
      await file.close();
    }
  }
  return total;
};

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

export const run: SpeedBenchmark = async ({ quick, onNote }) => {
  const images = quick ? 2_000 : 31_000;
  const repetitions = quick ? 2 : 3;
  await makeFolder(cache);
  const folder = await mkdtemp(join(cache, 'bench-store-'));
  try {
    onNote(`writing ${images} x ${COLUMNS} …`);
    await write(folder, images);
    const names = (await readdir(folder)).sort();
    const ours = async (): Promise<void> => {
      const { data } = await (await openFeatures([folder])).read('fc7');
      if (data.length !== images * COLUMNS) throw new Error('the matrix is not whole');
    };
    const rows = [];
    let bytes = 0;
    for (const cold of [true, false]) {
      let [best, bestPlain] = [Infinity, Infinity];
      for (let i = 0; i < repetitions; i++) {
        onNote(`${cold ? 'from the disk' : 'from memory'}, ${i + 1} of ${repetitions} …`);
        if (cold && !evict(folder, names))
          onNote('dd cannot drop the pages: the figures are of cached files');
        bestPlain = Math.min(
          bestPlain,
          await seconds(async () => {
            bytes = await readPlainly(folder, names);
          }),
        );
        if (cold) evict(folder, names);
        best = Math.min(best, await seconds(ours));
      }
      const rate = (time: number): number => bytes / 2 ** 20 / time;
      rows.push(
        row({
          case: `${images} x ${COLUMNS} float32 in ${names.length} files, ${cold ? 'pages dropped before' : 'in the page cache'}`,
          unit: 'MiB/s',
          ours: rate(best),
          peer: rate(bestPlain),
          peerName: 'the same files read plainly into fresh memory',
          figure: bestPlain / best,
          target: cold ? 0.9 : null,
          better: 'higher',
        }),
      );
    }
    return { rows };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
