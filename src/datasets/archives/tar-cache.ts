// The index of a .tar, kept in the cache: a large archive is gone through once, and opened at once from then on.
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { cacheFolder } from '../../io/cache.js';
import { VerydeepError } from '../../errors.js';
import { makeFolder, sha256, writeFileAtomically } from '../../io/files.js';
import { type TarIndex, indexTar } from './tar.js';

/** Changes when the form of the file does. */
const FORMAT = 1;

interface Kept {
  readonly format: number;
  /** Of the archive when it was indexed; another size or time means another archive. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly index: TarIndex;
}

const isKept = (value: unknown): value is Kept =>
  typeof value === 'object' && value !== null && 'index' in value && 'format' in value;

/** What an earlier run kept; undefined where there is nothing, or nothing that can be read. */
const readKept = async (file: string): Promise<Kept | undefined> => {
  try {
    const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isKept(kept) && kept.format === FORMAT ? kept : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The index of an archive, from the cache where the archive has the size and time of change that it had then. A cache
 * that cannot be written is done without.
 *
 * @param cache folder for the indices; default `archives` in {@link cacheFolder}
 * @throws VerydeepError as `indexTar`
 */
export const cachedIndex = async (
  archive: string,
  cache = join(cacheFolder(), 'archives'),
): Promise<TarIndex> => {
  const path = resolve(archive);
  const { size, mtimeMs } = await stat(path);
  const file = join(cache, `${basename(path)}-${sha256(path).slice(0, 16)}.index.json`);
  const kept = await readKept(file);
  if (kept?.size === size && kept.mtimeMs === mtimeMs) return kept.index;
  const index = await indexTar(path);
  const text = JSON.stringify({ format: FORMAT, size, mtimeMs, index } satisfies Kept);
  try {
    await makeFolder(cache, 'VERYDEEP_CACHE');
    await writeFileAtomically(file, text);
  } catch (error) {
    if (!(error instanceof VerydeepError)) throw error;
  }
  return index;
};
