// Exports descriptors to formats of other programs: the table of formats.
import { makeFolder } from '../../../io/files.js';
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
  Record<ExportFormat, (store: FeatureStore, layer: string, path: string) => Promise<string[]>>
>;

/**
 * Writes the descriptors of a layer to a file of another format, one part in memory at a time.
 *
 * @returns the files written
 * @throws UsageError for an unknown format or layer, or a folder that cannot be written
 */
export const exportFeatures = async (
  store: FeatureStore,
  format: ExportFormat,
  layer: string,
  path: string,
): Promise<string[]> => {
  if (!Object.hasOwn(writers, format))
    throw expected(`one of ${exportFormats.join(', ')}`, option('to'), format);
  store.columns(layer); // throws if the layer is missing
  await makeFolder(dirname(path));
  return writers[format](store, layer, path);
};
