// Reading a feature store of 31,000 descriptors of 12,288 numbers into a matrix, compared with reading the same bytes.
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { makeFolder } from '../../src/io/files.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { resolveRecipe } from '../../src/features/recipe/recipe.js';
import { PART_SIZE, type PartMetadata } from '../../src/features/store/store.js';
import { writePart } from '../../src/features/store/writer.js';
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

/** POSIX_FADV_DONTNEED on Linux. */
const POSIX_FADV_DONTNEED = 4;

type Advise = (file: number, offset: number, bytes: number, advice: number) => number;

/** Drops synced files from the page cache, so that they are next read from the disk; false if that is not possible. */
const makeEvict = (): ((files: readonly string[]) => boolean) => {
  if (process.platform !== 'linux') return () => false;
  const advise = koffi
    .load(null)
    .func('int posix_fadvise(int file, int64_t offset, int64_t bytes, int advice)') as Advise;
  return (files) =>
    files.every((path) => {
      const file = openSync(path, 'r');
      const status = advise(file, 0, 0, POSIX_FADV_DONTNEED);
      closeSync(file);
      return status === 0;
    });
};

/** Reads the files one after the other into a buffer of 1 MiB; returns the number of bytes. */
const readPlainly = (files: readonly string[]): number => {
  const bytes = new Uint8Array(2 ** 20);
  let total = 0;
  for (const path of files) {
    const file = openSync(path, 'r');
    for (let read = -1; read !== 0; total += read) read = readSync(file, bytes, 0, bytes.length, null);
    closeSync(file);
  }
  return total;
};

const seconds = async (work: () => unknown): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

export const run: SpeedBenchmark = async ({ quick, onNote }) => {
  const images = quick ? 2_000 : 31_000;
  const repetitions = quick ? 2 : 6;
  const evict = makeEvict();
  await makeFolder(cache);
  const folder = await mkdtemp(join(cache, 'bench-store-'));
  try {
    onNote(`writing ${images} x ${COLUMNS} …`);
    await write(folder, images);
    const files = (await readdir(folder)).sort().map((name) => join(folder, name));
    const ours = async (): Promise<void> => {
      const { data } = await (await openFeatures([folder])).read('fc7');
      if (data.length !== images * COLUMNS) throw new Error('the matrix is not whole');
    };
    const bytes = readPlainly(files);
    const rows = [];
    for (const cold of [true, false]) {
      let dropped = cold;
      let [best, bestPlain] = [Infinity, Infinity];
      for (let i = 0; i < repetitions; i++) {
        onNote(`${cold ? 'from the disk' : 'from memory'}, ${i + 1} of ${repetitions} …`);
        dropped &&= evict(files);
        bestPlain = Math.min(bestPlain, await seconds(() => readPlainly(files)));
        dropped &&= evict(files);
        best = Math.min(best, await seconds(ours));
      }
      const rate = (time: number): number => bytes / 2 ** 20 / time;
      const where =
        cold && !dropped ? 'in the page cache, which cannot be dropped here' : 'in the page cache';
      rows.push(
        row({
          case: `${images} x ${COLUMNS} float32 in ${files.length} files, ${dropped ? 'pages dropped before' : where}`,
          unit: 'MiB/s',
          ours: rate(best),
          peer: rate(bestPlain),
          peerName: 'the same files read one after the other into one mebibyte',
          figure: bestPlain / best,
          target: cold ? 0.8 : null,
          better: 'higher',
        }),
      );
    }
    return { rows };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
