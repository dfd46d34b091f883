// Opens Parquet files as tables, one row group in memory at a time.
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from 'hyparquet';
import { UsageError, messageOf } from '../../errors.js';
import { FileBytes } from '../file-bytes.js';
import { decodeBlock } from './lz4-block.js';
import {
  type ForeignTable,
  type TableColumn,
  WHAT,
  blockOf,
  numberedColumns,
  textOf,
  unreadable,
} from './table.js';
import { unpackZstd } from './zstd.js';

const lz4 = (bytes: Uint8Array, size: number): Uint8Array => {
  const content = new Uint8Array(size);
  decodeBlock(bytes, content, 0, 0, size);
  return content;
};

/** What unpacks pages, besides what hyparquet has itself. */
const compressors = {
  GZIP: (bytes: Uint8Array) => gunzipSync(bytes),
  BROTLI: (bytes: Uint8Array) => brotliDecompressSync(bytes),
  LZ4_RAW: lz4,
  ZSTD: (bytes: Uint8Array) => unpackZstd(bytes, 'snappy'),
};

const bufferOf = (file: FileBytes): AsyncBuffer => ({
  byteLength: file.size,
  slice: (start, end = file.size) => {
    const from = start < 0 ? file.size + start : start;
    return file.read(from, end - from).buffer as ArrayBuffer;
  },
});

type SchemaTree = ReturnType<typeof parquetSchema>;

const FLOATS = ['FLOAT', 'DOUBLE'];

const isHalf = ({ element }: SchemaTree): boolean => element.logical_type?.type === 'FLOAT16';
const isFloat = (node: SchemaTree): boolean => FLOATS.includes(node.element.type ?? '') || isHalf(node);
const isText = ({ element }: SchemaTree): boolean =>
  element.type === 'INT32' ||
  element.type === 'INT64' ||
  (element.type === 'BYTE_ARRAY' &&
    (element.converted_type === 'UTF8' || element.logical_type?.type === 'STRING'));

/** The single leaf of a list column. */
const leafOf = (node: SchemaTree): SchemaTree | undefined =>
  node.children.length === 0 ? node : node.children.length === 1 ? leafOf(node.children[0]!) : undefined;

/** Opens a file. @throws UsageError naming it, where it is damaged or packed in a way that is not known */
export const openParquet = async (path: string): Promise<ForeignTable> => {
  const file = new FileBytes(path, WHAT);
  const wrong = (error: unknown): UsageError =>
    error instanceof UsageError ? error : unreadable(path, 'Parquet', messageOf(error));
  const buffer = bufferOf(file);
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(buffer);
  } catch (error) {
    file.close();
    throw wrong(error);
  }
  const rows = Number(metadata.num_rows);
  const nodes = parquetSchema(metadata).children;
  const lists = nodes.filter((node) => {
    const leaf = leafOf(node);
    return leaf && leaf !== node && isFloat(leaf);
  });
  const groups = numberedColumns(
    nodes.filter((node) => node.children.length === 0 && isFloat(node)).map(({ element }) => element.name),
  );
  const columns: TableColumn[] = [
    ...lists.map((node): TableColumn => ({
      name: node.element.name,
      kind: 'numbers',
      rows,
      half: isHalf(leafOf(node)!),
    })),
    ...groups.map(({ name }): TableColumn => ({ name, kind: 'numbers', rows })),
    ...nodes
      .filter((node) => node.children.length === 0 && isText(node))
      .map(({ element }): TableColumn => ({ name: element.name, kind: 'texts', rows })),
  ];
  /** The rows of each row group, as arrays of the columns' values. */
  const read = async function* (
    names: readonly string[],
  ): AsyncGenerator<{ start: number; rows: unknown[][] }> {
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      let values: unknown[][] = [];
      try {
        await parquetRead({
          file: buffer,
          metadata,
          columns: [...names],
          rowStart: start,
          rowEnd: end,
          compressors,
          onComplete: (found) => (values = found),
        });
      } catch (error) {
        throw wrong(error);
      }
      yield { start, rows: values };
      start = end;
    }
  };
  return {
    path,
    format: 'parquet',
    columns,
    texts: async (name) => {
      const texts: string[] = [];
      for await (const { rows: found } of read([name]))
        for (const [value] of found) texts.push(textOf(value));
      return texts;
    },
    numbers: async function* (name) {
      const members = groups.find((group) => group.name === name)?.members;
      let width = members?.length;
      for await (const { start, rows: found } of read(members ?? [name])) {
        const vectors = members
          ? found.map((row) => row.map((value) => (value === null ? NaN : (value as number))))
          : found.map(([value]) => value as number[] | null);
        width ??= vectors[0]?.length ?? 0;
        yield blockOf(path, vectors, start, width);
      }
    },
    close: () => {
      file.close();
      return Promise.resolve();
    },
  };
};
