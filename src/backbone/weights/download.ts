// Downloads published weights by name, and converts them to a backbone file.
import { join } from 'node:path';
import { cacheFolder } from '../../io/cache.js';
import { type Downloaded, download } from '../../io/download.js';
import type { OnProgress } from '../../progress.js';
import type { BackboneMetadata } from '../nets/backbone.js';
import { importWeights } from './importers/import.js';
import { type PublishedWeights, publishedWeightsNamed } from './published.js';

/** Where converted weights go, and who is told. */
export interface DownloadWeightsOptions {
  /** The backbone file to write (`.safetensors`); the weights are only fetched where missing. */
  readonly out?: string;
  readonly onProgress?: OnProgress;
  /** Stops the download; it goes on from there the next time. */
  readonly signal?: AbortSignal;
}

/** What lies in the cache, and what was written. */
export interface DownloadedWeights extends Downloaded {
  /** The row of `publishedWeights`. */
  readonly published: PublishedWeights;
  /** The file in the cache, as it was published. */
  readonly path: string;
  /** Of the backbone file `out`, where one was written. */
  readonly metadata?: BackboneMetadata;
}

/**
 * Fetches published weights into the cache (the environment's VERYDEEP_CACHE), checked against their published checksum
 * where there is one, and converts them to the backbone file `out`.
 *
 * @param name a name in `publishedWeights`: "vgg16-oxford"
 * @throws UsageError for an unknown name
 * @throws VerydeepError naming each address that failed, or a file with the wrong content
 */
export const downloadWeights = async (
  name: string,
  { out, onProgress, signal }: DownloadWeightsOptions = {},
): Promise<DownloadedWeights> => {
  const published = publishedWeightsNamed(name);
  const path = join(cacheFolder(), 'weights', published.file);
  const told = onProgress ? { onProgress } : {};
  const downloaded = await download(published, path, { ...told, ...(signal ? { signal } : {}) });
  if (out === undefined) return { ...downloaded, published, path };
  const source = { published: name, licence: published.licence, ...published.checksum };
  return {
    ...downloaded,
    published,
    path,
    metadata: await importWeights(path, out, { source, ...told }),
  };
};
