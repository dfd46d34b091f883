// Writes a part of the store: an Arrow IPC file with one record batch; the same rows give the same bytes.
import { Field, FixedSizeList, Float16, Float32, Int32, List, Message, RecordBatch } from 'apache-arrow';
import { RecordBatchFileWriter, Schema, Struct, Utf8, makeData, vectorFromArray } from 'apache-arrow';
import type { Data, DataType } from 'apache-arrow';
import { join } from 'node:path';
import { toStored } from '../../stored.js';
import { writeFileAtomically } from '../../io/files.js';
import { encodeFloat16 } from '../../formats/float16.js';
import { partName } from './store.js';
import type { PartMetadata, DescribedImage } from './store.js';

/** A column of strings. An empty one is built by hand, because vectorFromArray would omit its buffers. */
const strings = (values: readonly string[]): Data<Utf8> =>
  values.length === 0
    ? makeData({
        type: new Utf8(),
        length: 0,
        nullCount: 0,
        valueOffsets: new Int32Array(1),
        data: new Uint8Array(0),
      })
    : vectorFromArray(values, new Utf8()).data[0]!;

const integers = (values: readonly number[]): Data<Int32> =>
  makeData({ type: new Int32(), length: values.length, nullCount: 0, data: Int32Array.from(values) });

const stringLists = (lists: readonly (readonly string[])[]): Data<List<Utf8>> => {
  const valueOffsets = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (valueOffsets[i + 1] = valueOffsets[i]! + list.length));
  const type = new List(new Field('item', new Utf8(), false));
  return makeData({ type, length: lists.length, nullCount: 0, valueOffsets, child: strings(lists.flat()) });
};

/** A column of vectors of equal length. */
const vectors = (rows: readonly Float32Array[], length: number, type: 'float32' | 'float16'): Data => {
  const all = new Float32Array(rows.length * length);
  rows.forEach((row, i) => all.set(row, i * length));
  const common = { length: all.length, nullCount: 0 };
  const child =
    type === 'float32'
      ? makeData({ type: new Float32(), ...common, data: all })
      : makeData({ type: new Float16(), ...common, data: encodeFloat16(all) });
  const list = new FixedSizeList(length, new Field('item', child.type as DataType, false));
  return makeData({ type: list, length: rows.length, nullCount: 0, child } as never);
};

/**
 * apache-arrow writes the schema only to the footer; the format also requires it at the start, for sequential
 * readers.
 */
class FileWriter extends RecordBatchFileWriter {
  protected override _writeSchema(schema: Schema): this {
    super._writeSchema(schema);
    return this._writeMessage(Message.from(schema));
  }
}

/**
 * The bytes of a part.
 *
 * @param lengths length of each layer's descriptors (needed if there are no rows)
 */
export const encodePart = (
  metadata: PartMetadata,
  rows: readonly DescribedImage[],
  lengths: Readonly<Record<string, number>>,
): Uint8Array => {
  const columns: [string, Data][] = [
    ['id', strings(rows.map((row) => row.id))],
    ['path', strings(rows.map((row) => row.path))],
    ['sha256', strings(rows.map((row) => row.sha256))],
    ['labels', stringLists(rows.map((row) => row.labels))],
    ['width', integers(rows.map((row) => row.width))],
    ['height', integers(rows.map((row) => row.height))],
    ...metadata.recipe.layers.map((layer): [string, Data] => [
      layer,
      vectors(
        rows.map((row) => row.descriptors[layer]!),
        lengths[layer]!,
        metadata.recipe.store,
      ),
    ]),
  ];
  const fields = columns.map(([name, { type }]) => new Field(name, type, false));
  const stored = { ...metadata, recipe: toStored(metadata.recipe) };
  const schema = new Schema(fields, new Map([['verydeep', JSON.stringify(stored)]]));
  const data = makeData({
    type: new Struct(fields),
    length: rows.length,
    nullCount: 0,
    children: columns.map(([, column]) => column),
  });
  const writer = new FileWriter();
  writer.write(new RecordBatch(schema, data));
  writer.finish();
  return writer.toUint8Array(true);
};

/** Writes a part to `folder` atomically; returns its path. */
export const writePart = async (
  folder: string,
  metadata: PartMetadata,
  rows: readonly DescribedImage[],
  lengths: Readonly<Record<string, number>>,
): Promise<string> => {
  const path = join(folder, partName(metadata.hash, metadata.part));
  await writeFileAtomically(path, encodePart(metadata, rows, lengths));
  return path;
};
