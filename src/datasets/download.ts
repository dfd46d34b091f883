// Downloads a data set's published archives by its name.
import { type Fetched, type FetchOptions, archivesOf, fetchArchives } from './fetch.js';

/**
 * Brings the published archives of a data set into a folder, which `openDataset` then reads as it is. Sizes and checksums
 * are verified; an interrupted download goes on where it stopped. What lies behind a login is not fetched: its entry says
 * where to get it.
 *
 * @param name "voc2007", "voc2012", "caltech101", "caltech256", "imagenet", …
 * @returns an entry for each archive
 * @throws UsageError for a name without published archives
 * @throws VerydeepError naming the file and each address that failed, or a file with the wrong content
 */
export const downloadDataset = (
  name: string,
  folder: string,
  options: FetchOptions = {},
): Promise<readonly Fetched[]> =>
  Promise.resolve().then(() => fetchArchives(archivesOf(name), folder, options));
