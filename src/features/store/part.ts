// Reads a part of the store: small columns when opened, descriptors on demand from their offset in the file.
import { DataType, FixedSizeList, List, Message, Precision, Utf8 } from 'apache-arrow';
import type { Schema } from 'apache-arrow';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf, messageOf } from '../../errors.js';
import { type Stored, fromStored } from '../../stored.js';
import { decodeFloat16 } from '../../formats/float16.js';
import { STORE_FORMAT, damaged } from './store.js';
import type { PartMetadata } from './store.js';
import type { Recipe } from '../recipe/recipe.js';

const MAGIC = 'ARROW1';
const FIRST_READ = 1 << 16;

/** Byte offset of a layer's values in the file. */
interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly type: 'float32' | 'float16';
}

/** An opened part, without the descriptors. No file stays open. */
export interface Part {
  readonly path: string;
  readonly metadata: PartMetadata;
  readonly rows: number;
  readonly ids: readonly string[];
  readonly paths: readonly string[];
  readonly sha256: readonly string[];
  readonly labels: readonly (readonly string[])[];
  readonly widths: readonly number[];
  readonly heights: readonly number[];
  /** Length of a descriptor, by layer. */
  readonly lengths: Readonly<Record<string, number>>;
  readonly extents: Readonly<Record<string, Extent>>;
}

/** Number of buffers that Arrow stores for a column of a type, including its children. */
const bufferCount = (type: DataType): number =>
  type instanceof Utf8
    ? 3
    : type instanceof FixedSizeList
      ? 1 + bufferCount(type.valueType as DataType)
      : type instanceof List
        ? 2 + bufferCount(type.valueType as DataType)
        : 2;

/** Reads `length` bytes at `offset`; fewer means that the file is truncated. */
const readExactly = async (
  file: FileHandle,
  target: Uint8Array,
  offset: number,
  path: string,
): Promise<void> => {
  let done = 0;
  while (done < target.byteLength) {
    const { bytesRead } = await file.read(target, done, target.byteLength - done, offset + done);
    if (bytesRead === 0) throw damaged(path, 'the file is cut short');
    done += bytesRead;
  }
};

/** A file whose first bytes are in memory; the rest is read on demand. */
const beginning = (file: FileHandle, size: number, path: string) => {
  let bytes = new Uint8Array(0);
  const have = async (end: number): Promise<void> => {
    if (end > size) throw damaged(path, 'the file is cut short');
    if (end <= bytes.length) return;
    bytes = new Uint8Array(Math.min(size, Math.max(end, FIRST_READ)));
    await readExactly(file, bytes, 0, path);
  };
  return async (offset: number, length: number): Promise<Uint8Array> => {
    await have(offset + length);
    return bytes.subarray(offset, offset + length);
  };
};

const int32At = (bytes: Uint8Array, offset: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(offset, true);

const decoder = new TextDecoder();

const decodeStrings = (offsets: Uint8Array, data: Uint8Array, count: number): string[] =>
  Array.from({ length: count }, (_, i) =>
    decoder.decode(data.subarray(int32At(offsets, i * 4), int32At(offsets, i * 4 + 4))),
  );

const metadataOf = (schema: Schema, path: string): PartMetadata => {
  const text = schema.metadata.get('verydeep');
  if (text === undefined) throw damaged(path, 'it is an Arrow file, but not one of verydeep');
  const metadata = JSON.parse(text) as PartMetadata & { readonly recipe: Stored<Recipe> };
  if (metadata.format !== STORE_FORMAT) {
    throw damaged(path, `its format is ${metadata.format}, this version reads ${STORE_FORMAT}`);
  }
  return { ...metadata, recipe: fromStored<Recipe>(metadata.recipe) };
};

const parse = async (file: FileHandle, path: string): Promise<Part> => {
  const { size } = await file.stat();
  const tail = new Uint8Array(MAGIC.length);
  if (size < 2 * MAGIC.length) throw damaged(path, 'the file is cut short');
  await readExactly(file, tail, size - tail.length, path);
  const at = beginning(file, size, path);
  const isMagic = (bytes: Uint8Array): boolean => decoder.decode(bytes) === MAGIC;
  if (!isMagic(await at(0, MAGIC.length))) throw damaged(path, 'it is not an Arrow file');
  if (!isMagic(tail)) throw damaged(path, 'the file is cut short');

  /** The message at `offset` and the offset of its body; undefined at the end of the stream. */
  const message = async (offset: number): Promise<{ message: Message; body: number } | undefined> => {
    const length = int32At(await at(offset, 8), 4);
    if (length === 0) return undefined;
    return { message: Message.decode((await at(offset + 8, length)).slice()), body: offset + 8 + length };
  };
  const first = await message(8);
  if (!first?.message.isSchema()) throw damaged(path, 'its schema is missing');
  const schema = first.message.header();
  const metadata = metadataOf(schema, path);
  const second = await message(first.body);
  const batch = second?.message.isRecordBatch() ? second.message.header() : undefined;
  const rows = batch?.length ?? 0;
  if (second && size < second.body + second.message.bodyLength) throw damaged(path, 'the file is cut short');

  const firstBuffer: Record<string, number> = {};
  let buffers = 0;
  for (const field of schema.fields) {
    firstBuffer[field.name] = buffers;
    buffers += bufferCount(field.type as DataType);
  }
  const region = (column: string, index: number): { offset: number; length: number } => {
    const found = batch?.buffers[firstBuffer[column]! + index];
    return found ? { offset: second!.body + found.offset, length: found.length } : { offset: 0, length: 0 };
  };
  const buffer = async (column: string, index: number): Promise<Uint8Array> => {
    const { offset, length } = region(column, index);
    return at(offset, length);
  };
  const stringsOf = async (column: string): Promise<string[]> =>
    decodeStrings(await buffer(column, 1), await buffer(column, 2), rows);
  const integersOf = async (column: string): Promise<number[]> => {
    const bytes = await buffer(column, 1);
    return Array.from({ length: rows }, (_, i) => int32At(bytes, i * 4));
  };
  const labelLists = async (): Promise<string[][]> => {
    if (rows === 0) return [];
    const offsets = (await buffer('labels', 1)).slice();
    const count = int32At(offsets, rows * 4);
    const all = decodeStrings(await buffer('labels', 3), await buffer('labels', 4), count);
    return Array.from({ length: rows }, (_, i) =>
      all.slice(int32At(offsets, i * 4), int32At(offsets, i * 4 + 4)),
    );
  };
  const layers = metadata.recipe.layers.map((layer) => {
    const type = schema.fields.find((field) => field.name === layer)?.type as DataType | undefined;
    if (!(type instanceof FixedSizeList)) throw damaged(path, `its column ${layer} is missing`);
    const number = type.valueType as DataType;
    const half = DataType.isFloat(number) && number.precision === Precision.HALF;
    const extent: Extent = { ...region(layer, 2), type: half ? 'float16' : 'float32' };
    return [layer, type.listSize, extent] as const;
  });
  return {
    path,
    metadata,
    rows,
    ids: await stringsOf('id'),
    paths: await stringsOf('path'),
    sha256: await stringsOf('sha256'),
    labels: await labelLists(),
    widths: await integersOf('width'),
    heights: await integersOf('height'),
    lengths: Object.fromEntries(layers.map(([layer, length]) => [layer, length])),
    extents: Object.fromEntries(layers.map(([layer, , extent]) => [layer, extent])),
  };
};

/**
 * Opens a part.
 *
 * @throws VerydeepError naming the file if it is missing, truncated, or not a part of a feature store
 */
export const openPart = async (path: string): Promise<Part> => {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw damaged(path, codeOf(error) === 'ENOENT' ? 'no such file' : messageOf(error));
  }
  try {
    return await parse(file, path);
  } catch (error) {
    throw error instanceof RangeError || error instanceof SyntaxError
      ? damaged(path, 'its content is damaged')
      : error;
  } finally {
    await file.close();
  }
};

/**
 * Reads descriptors of rows `from` up to (not including) `to` into `target`, row by row.
 *
 * @param target has room for exactly these rows
 */
export const readDescriptors = async (
  part: Part,
  layer: string,
  target: Float32Array,
  from = 0,
  to = part.rows,
): Promise<void> => {
  const extent = part.extents[layer]!;
  const columns = part.lengths[layer]!;
  const count = (to - from) * columns;
  if (count === 0) return;
  const size = extent.type === 'float32' ? 4 : 2;
  const bytes =
    extent.type === 'float32'
      ? new Uint8Array(target.buffer, target.byteOffset, count * 4)
      : new Uint8Array(count * 2);
  const file = await open(part.path, 'r');
  try {
    await readExactly(file, bytes, extent.offset + from * columns * size, part.path);
  } finally {
    await file.close();
  }
  if (extent.type === 'float16') decodeFloat16(new Uint16Array(bytes.buffer), target);
};
