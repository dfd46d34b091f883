// Exports to HDF5 with h5wasm: one dataset per column, descriptors as [rows, columns] with one chunk per
// part.
import { toStored } from '../../../stored.js';
import { PART_SIZE } from '../store.js';
import type { FeatureStore } from '../reader.js';
import type { Claim } from './claim.js';
import { isLabelled } from './labelled.js';
import { writeBeside } from './beside.js';

const labelsOf = ({ labels }: FeatureStore): [string, readonly string[]] => [
  'labels',
  labels.map((own) => own.join('|')),
];

/** Writes `id`, `path`, `sha256`, `labels` (with |; not if there are none), `width`, `height` and the layer; recipe and hash as attributes. */
export const exportHdf5 = async (
  store: FeatureStore,
  layer: string,
  path: string,
  claim: Claim,
): Promise<string[]> => {
  const { default: h5wasm } = await import('h5wasm/node');
  await h5wasm.ready;
  const write = async (temporary: string): Promise<void> => {
    const file = new h5wasm.File(temporary, 'w');
    try {
      const { rows } = store;
      const texts: [string, readonly string[]][] = [
        ['id', store.ids],
        ['path', store.paths],
        ['sha256', store.sha256],
        ...(isLabelled(store) ? [labelsOf(store)] : []),
      ];
      for (const [name, values] of texts)
        file.create_dataset({ name, data: [...values], shape: [rows], dtype: 'S' });
      file.create_dataset({ name: 'width', data: Int32Array.from(store.widths), shape: [rows] });
      file.create_dataset({ name: 'height', data: Int32Array.from(store.heights), shape: [rows] });
      const columns = store.columns(layer);
      let dataset: InstanceType<typeof h5wasm.Dataset> | undefined;
      for await (const { start, matrix } of store.batches(layer)) {
        const end = start + matrix.rows;
        if (!dataset) {
          const shape = [matrix.rows, columns];
          const chunks = [Math.min(PART_SIZE, Math.max(1, matrix.rows)), columns];
          dataset = file.create_dataset({
            name: layer,
            data: matrix.data,
            shape,
            maxshape: [rows, columns],
            chunks,
          });
        } else if (matrix.rows > 0) {
          dataset.resize([end, columns]);
          dataset.write_slice(
            [
              [start, end],
              [0, columns],
            ],
            matrix.data,
          );
        }
      }
      file.create_attribute('recipe', JSON.stringify(toStored(store.recipe)));
      file.create_attribute('hash', store.hash);
    } finally {
      file.close();
    }
  };
  return claim([path], () => writeBeside(path, write));
};
