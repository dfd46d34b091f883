// ILSVRC's archives read in place: the training archive is a tar of a tar for each class. It is indexed once.
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { cacheFolder } from '../io/cache.js';
import { expected } from '../errors.js';
import { makeFolder, sha256, writeFileAtomically } from '../io/files.js';
import type { OnProgress } from '../progress.js';
import { indexTar } from './archives/tar.js';
import type { ImageSource } from './dataset.js';

export interface ArchiveOptions {
  /** Where indices are kept. Default the folder `archives` in the cache. */
  readonly cache?: string;
  readonly onProgress?: OnProgress;
  /** Aborts indexing; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** An image in an archive: the folder it belongs to (its WNID; empty in a flat archive), its name and its place. */
export interface ArchivedImage {
  readonly folder: string;
  readonly name: string;
  readonly source: ImageSource;
}

const WINDOW = 4096; // Headers are some 100 KB apart: a larger buffer would read unneeded bytes.

type Row = readonly [folder: string, name: string, offset: number, length: number];

const indexNested = async (
  path: string,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<Row[]> => {
  const outer = (await indexTar(path, { window: WINDOW })).entries;
  const rows: Row[] = [];
  for (const [i, entry] of outer.entries()) {
    signal?.throwIfAborted();
    const file = basename(entry.path);
    if (file.endsWith('.tar')) {
      const inner = await indexTar(path, { slice: entry, window: WINDOW });
      const folder = file.slice(0, -'.tar'.length);
      for (const { path: name, offset, length } of inner.entries)
        rows.push([folder, basename(name), offset, length]);
    } else {
      const folder = dirname(entry.path) === '.' ? '' : basename(dirname(entry.path));
      rows.push([folder, file, entry.offset, entry.length]);
    }
    if (i % 10 === 0)
      onProgress?.({ task: `index ${basename(path)}`, done: i + 1, total: outer.length, unit: 'archives' });
  }
  return rows;
};

/** Lines of `folder name offset length`: a million of them are read in a second. */
const parseRows = (text: string): Row[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Row => {
      const [folder = '', name = '', offset, length] = line.split('\t');
      return [folder, name, Number(offset), Number(length)];
    });

/**
 * The images of an archive, or of the archives inside it. The index is cached, identified by the archive's
 * path, size and modification time.
 *
 * @throws VerydeepError naming the archive when it is damaged or ends too early; UsageError when it holds no
 * files
 */
export const imagesInArchive = async (
  archive: string,
  { cache = join(cacheFolder(), 'archives'), onProgress, signal }: ArchiveOptions = {},
): Promise<ArchivedImage[]> => {
  const path = resolve(archive);
  const { size, mtimeMs } = await stat(path);
  const key = sha256(`${path}\0${size}\0${mtimeMs}`).slice(0, 16);
  const indexPath = join(cache, `${basename(path)}-${key}.index`);
  let rows: Row[];
  if (existsSync(indexPath)) rows = parseRows(await readFile(indexPath, 'utf8'));
  else {
    rows = await indexNested(path, onProgress, signal);
    if (rows.length === 0) throw expected('an archive of images', path, 'no files');
    await makeFolder(cache, 'VERYDEEP_CACHE');
    await writeFileAtomically(indexPath, rows.map((row) => `${row.join('\t')}\n`).join(''));
  }
  return rows.map(([folder, name, offset, length]) => ({
    folder,
    name,
    source: { file: path, slice: { offset, length } },
  }));
};
