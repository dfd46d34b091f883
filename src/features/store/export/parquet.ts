// Exports to Parquet with hyparquet-writer: the store's columns, descriptors as lists of float, one row group
// per part.
import type { ParquetWriter } from 'hyparquet-writer';
import { toStored } from '../../../stored.js';
import { rowOf } from '../../../matrix.js';
import type { FeatureStore } from '../reader.js';
import type { Claim } from './claim.js';
import { isLabelled } from './labelled.js';
import { writeBeside } from './beside.js';

type Schema = ParquetWriter['schema'];
type Element = Schema[number];

const text = (name: string): Element => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'REQUIRED',
});

const list = (name: string, item: Element): Element[] => [
  { name, num_children: 1, converted_type: 'LIST', repetition_type: 'REQUIRED' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  { ...item, name: 'element', repetition_type: 'REQUIRED' },
];

const whole = (name: string): Element => ({ name, type: 'INT32', repetition_type: 'REQUIRED' });
const float = (name: string): Element => ({ name, type: 'FLOAT', repetition_type: 'REQUIRED' });

/** Writes the images' columns, labels only if there are any, and one layer. */
export const exportParquet = async (
  store: FeatureStore,
  layer: string,
  path: string,
  claim: Claim,
): Promise<string[]> => {
  const parquet = await import('hyparquet-writer');
  const labelled = isLabelled(store);
  const schema: Schema = [
    { name: 'root', num_children: labelled ? 7 : 6 },
    text('id'),
    text('path'),
    text('sha256'),
    ...(labelled ? list('labels', text('element')) : []),
    whole('width'),
    whole('height'),
    ...list(layer, float('element')),
  ];
  const write = async (temporary: string): Promise<void> => {
    const writer = new parquet.ParquetWriter({
      writer: parquet.fileWriter(temporary),
      schema,
      codec: 'UNCOMPRESSED', // Descriptors hardly shrink.
      statistics: false,
      kvMetadata: [
        { key: 'verydeep', value: JSON.stringify({ recipe: toStored(store.recipe), hash: store.hash }) },
      ],
      createdBy: 'verydeep',
    });
    for await (const { start, matrix } of store.batches(layer)) {
      if (matrix.rows === 0) continue;
      const end = start + matrix.rows;
      await writer.write({
        columnData: [
          { name: 'id', data: store.ids.slice(start, end) },
          { name: 'path', data: store.paths.slice(start, end) },
          { name: 'sha256', data: store.sha256.slice(start, end) },
          ...(labelled
            ? [{ name: 'labels', data: store.labels.slice(start, end).map((labels) => [...labels]) }]
            : []),
          { name: 'width', data: store.widths.slice(start, end) },
          { name: 'height', data: store.heights.slice(start, end) },
          { name: layer, data: Array.from({ length: matrix.rows }, (_, i) => Array.from(rowOf(matrix, i))) },
        ],
        rowGroupSize: matrix.rows,
      });
    }
    await writer.finish();
  };
  return claim([path], () => writeBeside(path, write));
};
