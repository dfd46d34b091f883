// Caches the index of a .tar: a large archive is scanned once, and later opens immediately.
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

/** The cached index; undefined if missing or unreadable. */
const readKept = async (file: string): Promise<Kept | undefined> => {
  try {
    const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isKept(kept) && kept.format === FORMAT ? kept : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The index of an archive, from the cache if the archive's size and modification time are unchanged. Works
 * without a cache if it cannot be written.
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
