// Getting a data set's archives: fetched where everybody may, verified where a login is needed and a person fetched them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mismatchOf } from '../io/checksum.js';
import { type DownloadOptions, download } from '../io/download.js';
import { VerydeepError, expected } from '../errors.js';
import { innerMismatchOf } from './archives/inner.js';
import { type PublishedArchive, publishedArchives } from './archives/published.js';

/** What became of an archive. */
export interface Fetched {
  readonly file: string;
  readonly path: string;
  /** `fetched` now, `there` before and verified, or `login`: a person has to fetch it. */
  readonly state: 'fetched' | 'there' | 'login';
  /** Where to get it, if a login is needed, and what it is needed for. */
  readonly page?: string;
  readonly use?: string;
}

export interface FetchOptions extends DownloadOptions {
  /** A place that is tried before the publishers': a URL that ends where the file name begins. */
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
      `The ${wrong.algorithm} of ${inner.file} in ${path} is ${wrong.received}, published is ${wrong.expected}. Remove the file and download it again.`,
    );
  }
};

/**
 * Brings the archives of a data set into a folder. Every archive's size and checksum is verified, also of those that are
 * there already; an interrupted download goes on where it stopped. An archive behind a login is not fetched: the result
 * says where to get it.
 *
 * @param archives what {@link archivesOf} gives
 * @throws VerydeepError naming the file and each place that failed, or a file with the wrong content
 */
export const fetchArchives = async (
  archives: readonly PublishedArchive[],
  folder: string,
  { mirror, ...options }: FetchOptions = {},
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
          `The ${wrong.algorithm} of ${path} is ${wrong.received}, published is ${wrong.expected}. Get the file again from ${page ?? 'its page'}.`,
        );
      }
      results.push({ ...told, state: 'there' });
      continue;
    }
    const remote = { urls: places, ...(checksum && { checksum }), ...(bytes !== undefined && { bytes }) };
    const { cached } = await download(remote, path, options);
    await requireInner(path, archive);
    results.push({ ...told, state: cached ? 'there' : 'fetched' });
  }
  return results;
};
