// Downloads a data set's published archives by its name.
import { type Fetched, type FetchOptions, archivesOf, fetchArchives } from './fetch.js';

/**
 * Downloads the published archives of a data set to a folder that `openDataset` reads. Sizes and checksums
 * are verified; an interrupted download is resumed. Archives behind a login are not downloaded: their entry
 * says where to get them.
 *
 * @param name "voc2007", "voc2012", "caltech101", "caltech256", "imagenet", …
 * @returns one entry per archive
 * @throws UsageError for a name without published archives
 * @throws VerydeepError naming the file and each address that failed, or a file with the wrong content
 */
export const downloadDataset = (
  name: string,
  folder: string,
  options: FetchOptions = {},
): Promise<readonly Fetched[]> =>
  Promise.resolve().then(() => fetchArchives(archivesOf(name), folder, options));
