// Downloads and verifies a data set's archives; those behind a login are only verified.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mismatchOf } from '../io/checksum.js';
import { type DownloadOptions, download } from '../io/download.js';
import { VerydeepError, expected } from '../errors.js';
import { innerMismatchOf } from './archives/inner.js';
import { type PublishedArchive, publishedArchives } from './archives/published.js';

/** The result for an archive. */
export interface Fetched {
  readonly file: string;
  readonly path: string;
  /** `fetched`: downloaded now; `there`: existed and was verified; `login`: must be downloaded by hand. */
  readonly state: 'fetched' | 'there' | 'login';
  /** For a login: where to get the archive, and what it is needed for. */
  readonly page?: string;
  readonly use?: string;
}

export interface FetchOptions extends Omit<DownloadOptions, 'keep'> {
  /** Replace files of other content. */
  readonly force?: boolean;
  /** Base URL that is tried before the publishers'; the file name is appended. */
  readonly mirror?: string;
}

/** The archives of a data set; UsageError for a name that has none. */
export const archivesOf = (name: string): readonly PublishedArchive[] => {
  const archives = Object.hasOwn(publishedArchives, name) ? publishedArchives[name] : undefined;
  if (!archives) throw expected(`one of ${Object.keys(publishedArchives).join(', ')}`, 'the data set', name);
  return archives;
};

const requireInner = async (path: string, { inner }: PublishedArchive): Promise<void> => {
  const wrong = inner && (await innerMismatchOf(path, inner));
  if (wrong) {
    throw new VerydeepError(
      `The ${wrong.algorithm} of ${inner.file} in ${path} is ${wrong.received}, expected ${wrong.expected}. Remove the file and download it again.`,
    );
  }
};

/**
 * Downloads the archives of a data set to a folder. Sizes and checksums are verified, also of existing
 * archives; an interrupted download is resumed. An archive behind a login is not downloaded: the result says
 * where to get it.
 *
 * @param archives from {@link archivesOf}
 * @throws VerydeepError naming the file and each URL that failed, or a file with the wrong content
 */
export const fetchArchives = async (
  archives: readonly PublishedArchive[],
  folder: string,
  { mirror, force = false, ...options }: FetchOptions = {},
): Promise<Fetched[]> => {
  const results: Fetched[] = [];
  for (const archive of archives) {
    const { file, urls, bytes, checksum, page, use } = archive;
    const path = join(folder, file);
    const told = { file, path, ...(page !== undefined && { page }), ...(use !== undefined && { use }) };
    const places = [...(mirror === undefined ? [] : [`${mirror.replace(/\/?$/, '/')}${file}`]), ...urls];
    if (places.length === 0) {
      if (!existsSync(path)) {
        results.push({ ...told, state: 'login' });
        continue;
      }
      const wrong = await mismatchOf(path, checksum ?? {});
      if (wrong) {
        throw new VerydeepError(
          `The ${wrong.algorithm} of ${path} is ${wrong.received}, expected ${wrong.expected}. Get the file again from ${page ?? 'its page'}.`,
        );
      }
      results.push({ ...told, state: 'there' });
      continue;
    }
    const remote = { urls: places, ...(checksum && { checksum }), ...(bytes !== undefined && { bytes }) };
    const { cached } = await download(remote, path, { ...options, keep: !force });
    await requireInner(path, archive);
    results.push({ ...told, state: cached ? 'there' : 'fetched' });
  }
  return results;
};
