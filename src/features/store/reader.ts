// Opens feature stores and reads descriptors as matrices, all at once or one part at a time.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { adviseHugePages } from '../../engine/pages.js';
import { type OptionName, UsageError, codeOf, expected, option } from '../../errors.js';
import { readReason, sentence } from '../../io/readable.js';
import type { Matrix } from '../../matrix.js';
import { type Part, openPart, readDescriptors } from './part.js';
import type { NetIdentity, Recipe } from './recipe.js';
import type { Features } from './features.js';
import { recordedWeights } from './run-record.js';
import { parsePartName } from './store.js';

const PARALLEL_READS = 4;

/** Descriptors on disk. */
export interface FeatureStore extends Features {
  readonly parts: readonly Part[];
}

/** What names a folder of descriptors in messages: an option or an argument. */
export type Where = OptionName | string;

/** The error for a folder that holds no descriptors; a reason says why, where the system does. */
const noDescriptors = (folder: string, where: Where, reason?: string): UsageError => {
  const inner = join(folder, 'features');
  const advice = existsSync(inner) ? `Its descriptors are in ${inner}.` : 'Make one with `verydeep extract`.';
  const why = reason === undefined ? '' : `${sentence(reason)} `;
  return expected('a folder of descriptors', where, folder, why + advice);
};

/** Paths of the parts in a folder, in order of the images. @throws UsageError if the folder cannot be read */
export const partFiles = async (folder: string, where: Where = option('features')): Promise<string[]> => {
  try {
    const names = (await readdir(folder)).filter((name) => parsePartName(name)).sort();
    return names.map((name) => join(folder, name));
  } catch (error) {
    const reason = codeOf(error) === 'ENOTDIR' ? 'it is a file' : readReason(error);
    throw noDescriptors(folder, where, codeOf(error) === 'ENOENT' ? undefined : reason);
  }
};

/** Paths of the parts in a folder that must hold some. @throws UsageError if it holds none */
export const somePartFiles = async (folder: string, where: Where = option('features')): Promise<string[]> => {
  const files = await partFiles(folder, where);
  if (files.length === 0) throw noDescriptors(folder, where);
  return files;
};

/** Maps with a few concurrent calls, keeping the order. */
const mapSome = async <T, R>(
  values: readonly T[],
  map: (value: T, index: number) => Promise<R>,
): Promise<R[]> => {
  const results = new Array<R>(values.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < values.length) {
      const i = next++;
      results[i] = await map(values[i]!, i);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, work));
  return results;
};

const checkAlike = (parts: readonly Part[]): void => {
  const first = parts[0]!;
  const other = parts.find((part) => part.metadata.hash !== first.metadata.hash);
  if (other) {
    throw new UsageError(
      `${other.path} holds descriptors of another recipe or other weights (${other.metadata.hash}) than ` +
        `${first.path} (${first.metadata.hash}). Give folders made with the same recipe and backbones.`,
    );
  }
  const seen = new Map<string, string>();
  for (const part of parts) {
    for (const id of part.ids) {
      const where = seen.get(id);
      if (where !== undefined)
        throw new UsageError(
          `The image ${id} is in ${where} and again in ${part.path}. Give each folder once.`,
        );
      seen.set(id, part.path);
    }
  }
};

/** Properties common to all parts of a store. */
interface StoreFacts {
  readonly recipe: Recipe;
  readonly hash: string;
  readonly nets: readonly NetIdentity[];
  readonly engine: string;
  /** Length of a descriptor, by layer. */
  readonly lengths: Readonly<Record<string, number>>;
}

/** A store, from its opened parts. */
export const storeOf = (facts: StoreFacts, parts: readonly Part[]): FeatureStore => {
  const { recipe, hash, nets, engine, lengths } = facts;
  const starts: number[] = [];
  let rows = 0;
  for (const part of parts) {
    starts.push(rows);
    rows += part.rows;
  }
  const columns = (layer: string): number => {
    const length = lengths[layer];
    if (length === undefined) throw expected(`one of ${recipe.layers.join(', ')}`, option('layer'), layer);
    return length;
  };
  const readPart = async (index: number, layer: string): Promise<Matrix> => {
    const part = parts[index]!;
    const width = columns(layer);
    const data = new Float32Array(part.rows * width);
    await readDescriptors(part, layer, data);
    return { rows: part.rows, columns: width, data };
  };
  return {
    recipe,
    hash,
    nets,
    engine,
    layers: recipe.layers,
    rows,
    ids: parts.flatMap((part) => part.ids),
    paths: parts.flatMap((part) => part.paths),
    sha256: parts.flatMap((part) => part.sha256),
    labels: parts.flatMap((part) => part.labels),
    widths: parts.flatMap((part) => part.widths),
    heights: parts.flatMap((part) => part.heights),
    skipped: parts.flatMap((part) =>
      part.metadata.skipped.map(({ id, path, reason }) => ({ id, path, reason })),
    ),
    parts,
    columns,
    read: async (layer) => {
      const width = columns(layer);
      const data = new Float32Array(rows * width);
      adviseHugePages(data.buffer); // One large allocation: many small fresh pages take longer than reading.
      await mapSome(parts, (part, i) => {
        const start = starts[i]! * width;
        return readDescriptors(part, layer, data.subarray(start, start + part.rows * width));
      });
      return { rows, columns: width, data };
    },
    async *batches(layer) {
      for (const [i, start] of starts.entries()) yield { start, matrix: await readPart(i, layer) };
    },
    readPart,
    weightFiles: () => recordedWeights([...new Set(parts.map(({ path }) => dirname(path)))], nets),
  };
};

/**
 * Opens one or several folders of descriptors (such as a training and a test split) as one store, in the
 * given order.
 *
 * @param where what named the folders, for messages. Default: the option `features`
 * @throws UsageError if a folder has no descriptors, or folders differ in recipe or weights or share images
 * @throws VerydeepError naming a damaged file
 */
export const openFeatures = async (
  folders: readonly string[],
  where: Where = option('features'),
): Promise<FeatureStore> => {
  const files: string[] = [];
  for (const folder of folders) files.push(...(await somePartFiles(folder, where)));
  if (files.length === 0) throw expected('at least one folder of descriptors', where, 'none');
  const parts = await mapSome(files, openPart);
  checkAlike(parts);
  const first = parts[0]!;
  return storeOf({ ...first.metadata, lengths: first.lengths }, parts);
};
