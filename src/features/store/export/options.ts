// Options of an export of descriptors.
import { type OptionTable, kinds } from '../../../options.js';

export const exportFormats = ['npy', 'csv', 'libsvm', 'parquet', 'hdf5'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const storeExportOptions = {
  to: { kind: kinds.choice(exportFormats), help: 'format of the file', default: 'npy' },
  layer: { kind: kinds.text('name'), help: 'layer to export', otherwise: 'the first' },
} as const satisfies OptionTable;
