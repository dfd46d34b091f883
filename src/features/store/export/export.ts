// Exports descriptors to formats of other programs: the table of formats.
import { sha256 } from '../../../io/files.js';
import { type Permission, claimFiles } from '../../../io/work.js';
import type { Claim } from './claim.js';
import { dirname } from 'node:path';
import { expected, option } from '../../../errors.js';
import type { FeatureStore } from '../reader.js';
import { type ExportFormat, exportFormats } from './options.js';
import { exportHdf5 } from './hdf5.js';
import { exportNpy } from './npy.js';
import { exportParquet } from './parquet.js';
import { exportCsv, exportLibsvm } from './text.js';

/** Writers by format; each returns the files it wrote. */
const writers = {
  npy: exportNpy,
  csv: exportCsv,
  libsvm: exportLibsvm,
  parquet: exportParquet,
  hdf5: exportHdf5,
} as const satisfies Readonly<
  Record<ExportFormat, (store: FeatureStore, layer: string, path: string, claim: Claim) => Promise<string[]>>
>;

/**
 * Writes the descriptors of a layer to a file of another format, one part in memory at a time.
 *
 * @param permission `force` replaces files of other work
 * @returns the files written
 * @throws UsageError for an unknown format or layer, a folder that cannot be written, or a file of other work
 */
export const exportFeatures = async (
  store: FeatureStore,
  format: ExportFormat,
  layer: string,
  path: string,
  permission: Pick<Permission, 'force'> = {},
): Promise<string[]> => {
  if (!Object.hasOwn(writers, format))
    throw expected(`one of ${exportFormats.join(', ')}`, option('to'), format);
  store.columns(layer); // throws if the layer is missing
  const folders = [...new Set(store.parts.map((part) => dirname(part.path)))];
  const images = sha256(JSON.stringify([store.ids, store.sha256, store.labels]));
  const work = {
    to: format,
    layer,
    'the store': { is: `${store.hash} ${images}`, shown: folders.join(', ') },
  };
  return writers[format](store, layer, path, async (files, write) => {
    const claimed = await claimFiles(files, 'features export', work, permission);
    await write();
    await claimed.made();
    return [...files];
  });
};
