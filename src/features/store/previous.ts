// Results of an earlier run in a folder: valid parts, and rows of other parts that can be reused.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../errors.js';
import { type Shard, inShard } from './list.js';
import { type Part, openPart, readDescriptors } from './part.js';
import { parsePartName } from './store.js';

/** Folder for invalid parts: their rows are reused, then it is removed. */
const ASIDE = '.previous';

/** A described image in a part on disk. */
interface StoredRow {
  readonly part: Part;
  readonly row: number;
}

/**
 * Key of a descriptor besides recipe and weights: the image's checksum, plus its box if the recipe uses
 * boxes.
 */
export const rowKey = (sha256: string, box: readonly number[] | null | undefined): string =>
  box ? `${sha256} ${box.join(' ')}` : sha256;

const names = async (folder: string): Promise<string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
};

/** Moves a file, unless another process on the same shard has moved it already. */
const move = async (from: string, to: string, attempts = 3): Promise<void> => {
  await mkdir(dirname(to), { recursive: true });
  try {
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    // A process on another shard may have removed the folder.
    if (existsSync(from) && attempts > 1) await move(from, to, attempts - 1);
  }
};

/** Age after which temporary files of a killed process are removed. */
const ABANDONED_AFTER = 10 * 60 * 1000;
const TEMPORARY = /^\.([0-9a-f]{16}-\d+\.arrow)\..*\.tmp$/;

/** The parts in a folder, and rows by key. */
export class Previous {
  /** Valid parts, by file name. */
  readonly inPlace = new Map<string, Part>();
  /** Files that could not be read, with the reason. */
  readonly damaged: string[] = [];
  readonly #rows = new Map<string, StoredRow>();
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Reads `folder`.
   *
   * @param hash hash of recipe and weights whose rows may be reused
   * @param engine engine that computed them
   */
  static async read(folder: string, hash: string, engine: string): Promise<Previous> {
    const previous = new Previous(folder);
    for (const place of [folder, join(folder, ASIDE)]) {
      for (const name of (await names(place)).sort()) {
        if (!parsePartName(name.split('~')[0]!)) continue;
        try {
          const part = await openPart(join(place, name));
          if (place === folder) previous.inPlace.set(name, part);
          if (part.metadata.hash === hash && part.metadata.engine === engine) previous.#index(part);
        } catch {
          if (place === folder) previous.damaged.push(join(place, name));
        }
      }
    }
    return previous;
  }

  #index(part: Part): void {
    part.sha256.forEach((sha256, row) =>
      this.#rows.set(rowKey(sha256, part.metadata.boxes?.[row]), { part, row }),
    );
  }

  /** Registers the rows of a part that was just written, so that the same image is not computed twice. */
  remember(part: Part): void {
    this.#index(part);
  }

  find(key: string): StoredRow | undefined {
    return this.#rows.get(key);
  }

  /** Moves an invalid part away; its rows can still be read. */
  async setAside(name: string): Promise<void> {
    const part = this.inPlace.get(name);
    const target = join(this.#folder, ASIDE, `${name}~${process.pid}-${Date.now()}`);
    await move(join(this.#folder, name), target);
    this.inPlace.delete(name);
    if (!part) return;
    for (const [key, stored] of this.#rows) {
      if (stored.part === part) this.#rows.set(key, { part: { ...part, path: target }, row: stored.row });
    }
  }

  /** File for the rows of an interrupted part, until the next run. */
  async asideFolder(): Promise<string> {
    const aside = join(this.#folder, ASIDE);
    await mkdir(aside, { recursive: true });
    return aside;
  }

  /** Removes the files set aside for a shard, once all its parts are written. */
  async clear(shard: Shard): Promise<void> {
    const aside = join(this.#folder, ASIDE);
    for (const name of await names(this.#folder)) {
      const parsed = parsePartName(TEMPORARY.exec(name)?.[1] ?? '');
      const path = join(this.#folder, name);
      if (!parsed || !inShard(parsed.part, shard)) continue;
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
      if (Date.now() - mtimeMs > ABANDONED_AFTER) await rm(path, { force: true });
    }
    for (const name of await names(aside)) {
      const parsed = parsePartName(name.split('~')[0]!);
      if (!parsed || inShard(parsed.part, shard)) await rm(join(aside, name), { force: true });
    }
    if ((await names(aside)).length === 0) await rm(aside, { recursive: true, force: true });
  }
}

/** Descriptors of a row on disk, one per layer; undefined if the file was removed or damaged meanwhile. */
export const readRow = async (
  { part, row }: StoredRow,
  layers: readonly string[],
): Promise<Float32Array[] | undefined> => {
  try {
    return await Promise.all(
      layers.map(async (layer) => {
        const vector = new Float32Array(part.lengths[layer]!);
        await readDescriptors(part, layer, vector, row, row + 1);
        return vector;
      }),
    );
  } catch {
    return undefined;
  }
};
