// Feature stores for tests, made of numbers given: no net, no pixels.
import { mkdir } from 'node:fs/promises';
import { resolveRecipe } from '../../src/features/recipe/recipe.js';
import { PART_SIZE } from '../../src/features/store/store.js';
import { writePart } from '../../src/features/store/writer.js';
import { sha256 } from '../../src/io/files.js';
import { Random } from '../../src/random.js';

/** An image of a store made for a test. */
export interface MadeRow {
  readonly id: string;
  readonly labels: readonly string[];
  readonly descriptor: readonly number[];
  /** What the checksum is of; the id by default. */
  readonly content?: string;
}

/** Writes a store of these rows; `name` makes its hash, so that stores of several names stand for several nets. */
export const makeStore = async (
  folder: string,
  rows: readonly MadeRow[],
  { name = 'a', layer = 'fc7', skipped = [] as readonly { id: string; path: string; reason: string }[] } = {},
): Promise<string> => {
  await mkdir(folder, { recursive: true });
  const parts = Math.max(1, Math.ceil(rows.length / PART_SIZE));
  for (let part = 0; part < parts; part++) {
    await writePart(
      folder,
      {
        format: 1,
        recipe: { ...resolveRecipe({ layers: ['fc7'] }, 32), layers: [layer] },
        nets: [{ sha256: sha256(name), config: name.toUpperCase() }],
        hash: sha256(name).slice(0, 16),
        engine: 'test',
        list: sha256(rows.map(({ id }) => id).join('\n')),
        images: rows.length + skipped.length,
        part,
        parts,
        skipped: part === 0 ? skipped : [],
      },
      rows.slice(part * PART_SIZE, (part + 1) * PART_SIZE).map(({ id, labels, descriptor, content }) => ({
        id,
        path: id,
        sha256: sha256(content ?? id),
        labels,
        width: 32,
        height: 32,
        descriptors: { [layer]: Float32Array.from(descriptor) },
      })),
      { [layer]: rows[0]!.descriptor.length },
    );
  }
  return folder;
};

/** Rows of classes that lie around corners of a cube: the class of index c at the c-th axis, with normal noise. */
export const clusters = (
  classes: readonly string[],
  perClass: number,
  noise: number,
  seed = 1,
  columns = Math.max(8, classes.length),
): MadeRow[] =>
  classes.flatMap((name, c) =>
    Array.from({ length: perClass }, (_, i): MadeRow => {
      const random = new Random(seed, name, i);
      const values = Array.from({ length: columns }, (_, k) => Number(k === c) + noise * random.normal());
      const norm = Math.hypot(...values);
      return {
        id: `${name}/${String(i).padStart(3, '0')}.png`,
        labels: [name],
        descriptor: values.map((value) => value / norm),
      };
    }),
  );
