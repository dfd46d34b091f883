// Opens Arrow files and streams (Feather, IPC) as tables, one record batch in memory at a time.
import {
  CompressionType,
  DataType,
  Dictionary,
  type FixedSizeList,
  type List,
  Precision,
  type RecordBatch,
  RecordBatchReader,
  type Vector,
  compressionRegistry,
} from 'apache-arrow';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { UsageError, messageOf } from '../../errors.js';
import { decodeLz4Frame } from './lz4.js';
import {
  type ForeignTable,
  type TableColumn,
  blockOf,
  numberedColumns,
  textOf,
  unreadable,
} from './table.js';
import { unpackZstd } from './zstd.js';

/** A copy with a buffer of its own, aligned for any type of numbers. */
const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

const registerCodecs = (): void => {
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (bytes) => own(decodeLz4Frame(bytes)) });
  compressionRegistry.set(CompressionType.ZSTD, {
    decode: (bytes) => own(unpackZstd(bytes, 'lz4')),
  });
};

const isFloat = (type: DataType): boolean => DataType.isFloat(type);
const isHalf = (type: DataType): boolean => DataType.isFloat(type) && type.precision === Precision.HALF;
const isList = (type: DataType): type is List | FixedSizeList =>
  (DataType.isList(type) || DataType.isFixedSizeList(type) || DataType.isLargeList(type)) &&
  isFloat((type as List).children[0]!.type as DataType);
const isText = (type: DataType): boolean => {
  const plain = type instanceof Dictionary ? (type.dictionary as DataType) : type;
  return DataType.isUtf8(plain) || DataType.isLargeUtf8(plain) || DataType.isInt(plain);
};

/** Whether a file begins as one with random access does; a stream does not. */
const isFile = async (path: string): Promise<boolean> => {
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(6), 0, 6, 0);
    return buffer.toString('latin1') === 'ARROW1';
  } finally {
    await file.close();
  }
};

/** A list's numbers; apache-arrow gives halves as numbers too. */
const numbersOf = (value: unknown): ArrayLike<number> | undefined =>
  value === null || value === undefined
    ? undefined
    : Array.from(value as Iterable<number | null>, (x) => x ?? NaN);

/** Opens a file or stream. @throws UsageError naming it, where it is damaged or packed in a way that is not known */
export const openArrow = async (path: string): Promise<ForeignTable> => {
  registerCodecs();
  const wrong = (error: unknown): UsageError =>
    error instanceof UsageError ? error : unreadable(path, 'Arrow', messageOf(error));
  const random = await isFile(path);
  /** The record batches, from the start. */
  const batches = async function* (): AsyncGenerator<RecordBatch> {
    const handle = random ? await open(path, 'r') : undefined;
    try {
      const reader = handle
        ? await RecordBatchReader.from(handle)
        : await RecordBatchReader.from(createReadStream(path));
      await reader.open();
      for await (const batch of reader) yield batch;
    } catch (error) {
      throw wrong(error);
    } finally {
      await handle?.close().catch(() => undefined);
    }
  };
  const [first] = await (async () => {
    for await (const batch of batches()) return [batch];
    return [];
  })();
  const fields = first?.schema.fields ?? [];
  const typeOf = (field: (typeof fields)[number]): DataType => field.type as DataType;
  const groups = numberedColumns(fields.filter((field) => isFloat(typeOf(field))).map(({ name }) => name));
  const columns: TableColumn[] = [
    ...fields
      .filter((field) => isList(typeOf(field)))
      .map((field): TableColumn => ({
        name: field.name,
        kind: 'numbers',
        half: isHalf((field.type as List).children[0]!.type as DataType),
      })),
    ...groups.map(({ name }): TableColumn => ({ name, kind: 'numbers' })),
    ...fields
      .filter((field) => isText(typeOf(field)))
      .map(({ name }): TableColumn => ({ name, kind: 'texts' })),
  ];
  return {
    path,
    format: 'arrow',
    columns,
    texts: async (name) => {
      const texts: string[] = [];
      for await (const batch of batches())
        for (const value of batch.getChild(name)! as Iterable<unknown>) texts.push(textOf(value));
      return texts;
    },
    numbers: async function* (name) {
      const members = groups.find((group) => group.name === name)?.members;
      let width = members?.length;
      let start = 0;
      for await (const batch of batches()) {
        const vectors = members?.map((member) => batch.getChild(member) as Vector);
        const rows = vectors
          ? Array.from({ length: batch.numRows }, (_, i) =>
              vectors.map((vector) => (vector.get(i) as number | null) ?? NaN),
            )
          : Array.from(batch.getChild(name)! as Iterable<unknown>, numbersOf);
        width ??= rows[0]?.length ?? 0;
        yield blockOf(path, rows, start, width);
        start += rows.length;
      }
    },
    close: () => Promise.resolve(),
  };
};
