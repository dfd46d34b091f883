// Downloads published weights by name, and converts them to a backbone file.
import { join } from 'node:path';
import { cacheFolder } from '../../io/cache.js';
import { type Downloaded, download } from '../../io/download.js';
import type { OnProgress } from '../../progress.js';
import type { BackboneMetadata } from '../nets/backbone.js';
import { importWeights } from './importers/import.js';
import { type PublishedWeights, publishedWeightsNamed } from './published.js';

/** The output file and the listeners. */
export interface DownloadWeightsOptions {
  /** The backbone file to write (`.safetensors`); if undefined, the weights are only downloaded. */
  readonly out?: string;
  /** Replace a file `out` of other work. */
  readonly force?: boolean;
  readonly onProgress?: OnProgress;
  /** Stops the download; the next call resumes it. */
  readonly signal?: AbortSignal;
}

/** The cached file, and the written backbone. */
export interface DownloadedWeights extends Downloaded {
  /** The row of `publishedWeights`. */
  readonly published: PublishedWeights;
  /** The file in the cache, as it was published. */
  readonly path: string;
  /** Metadata of the backbone file `out`, if written. */
  readonly metadata?: BackboneMetadata;
}

/**
 * Downloads published weights to the cache (environment variable VERYDEEP_CACHE), verifies the published
 * checksum if there is one, and converts them to the backbone file `out`.
 *
 * @param name a name in `publishedWeights`: "vgg16-oxford"
 * @throws UsageError for an unknown name
 * @throws VerydeepError naming each address that failed, or a file with the wrong content
 */
export const downloadWeights = async (
  name: string,
  { out, force, onProgress, signal }: DownloadWeightsOptions = {},
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
    metadata: await importWeights(path, out, { source, ...(force !== undefined && { force }), ...told }),
  };
};
