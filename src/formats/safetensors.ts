// The safetensors format: a JSON header with each tensor's location, then the tensors. Read in place, written
// as a stream.
import { type FileHandle, open } from 'node:fs/promises';
import { isRecord } from '../checks.js';
import { UsageError, expected, messageOf } from '../errors.js';
import { writeAtomically } from '../io/files.js';
import { type Wanted, openError, readReason, requireFile } from '../io/readable.js';
import { encodeFloat16 } from './float16.js';
import { floatsOf } from './floats.js';
import type { LazyTensor, TensorFile } from './tensor.js';
import { sizeFromShape } from '../shape.js';

/** Bytes per element of each type that a header may name. */
export const elementBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof elementBytes;

/** The location of a tensor: `offset` counts from the file's first byte, `length` is in bytes. */
export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** A tensor of an open file. */
export interface SafetensorsTensor extends TensorInfo, LazyTensor {
  readonly dtype: Dtype;
  chunks(): AsyncGenerator<Float32Array>;
}

/** An open safetensors file. The caller closes it. */
interface Safetensors extends TensorFile {
  readonly path: string;
  /** The texts of `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the file's bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** Reads a floating-point tensor as float32. @throws UsageError for an unknown name */
  read(name: string): Promise<Float32Array>;
  /** Reads a tensor of type F64 without rounding. @throws UsageError for another type or an unknown name */
  readDoubles(name: string): Promise<Float64Array>;
  /** Reads a tensor's raw bytes. @throws UsageError for an unknown name */
  readBytes(name: string): Promise<Uint8Array>;
  /**
   * Reads a tensor in pieces of at most `elements` numbers, so that a large tensor need not fit in memory.
   */
  chunks(name: string, elements?: number): AsyncGenerator<Float32Array>;
  close(): Promise<void>;
}

const MAX_HEADER = 100_000_000; // The reference implementation's limit.
const CHUNK = 1 << 22;
const ADVICE = 'Give a .safetensors file; `verydeep weights import` converts other formats.';

const isIndex = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** One entry of the header, checked against the size of the data. */
const tensorInfo = (
  path: string,
  name: string,
  entry: unknown,
  dataStart: number,
  dataLength: number,
): TensorInfo => {
  const at = `the tensor ${name} of ${path}`;
  if (!isRecord(entry)) throw expected('an object with dtype, shape and data_offsets', at, entry);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBytes, dtype)) {
    throw expected(`one of the types ${Object.keys(elementBytes).join(', ')}`, at, dtype);
  }
  if (!Array.isArray(shape) || !shape.every(isIndex)) throw expected('a shape of whole numbers', at, shape);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isIndex)) {
    throw expected('data_offsets [begin, end]', at, offsets);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength) {
    throw expected(
      `data_offsets within the ${dataLength} bytes of data`,
      at,
      offsets,
      'The file is cut short or damaged: fetch it again.',
    );
  }
  const needed = sizeFromShape(shape) * elementBytes[dtype as Dtype];
  if (end - begin !== needed) {
    throw expected(`${needed} bytes (${dtype} ${JSON.stringify(shape)})`, at, end - begin);
  }
  return { dtype: dtype as Dtype, shape, offset: dataStart + begin, length: needed };
};

/** Tensors must not overlap or leave gaps. */
const checkLayout = (
  path: string,
  tensors: readonly (readonly [string, TensorInfo])[],
  start: number,
  size: number,
) => {
  let [position, previous] = [start, 'the header'];
  for (const [name, { offset, length }] of tensors) {
    if (offset !== position) {
      const what = offset < position ? 'overlaps' : 'leaves unused bytes after';
      throw new UsageError(
        `Expected tensors that lie side by side in ${path} but the tensor ${name} ${what} ${previous} ` +
          `(it begins at byte ${offset}, expected ${position}).`,
      );
    }
    [position, previous] = [offset + length, name];
  }
  if (position !== size) {
    throw expected(
      `a file of ${position} bytes, as its header says,`,
      path,
      size,
      'Fetch or write it again.',
    );
  }
};

const parseHeader = (path: string, text: string): Record<string, unknown> => {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `Expected a safetensors header in JSON in ${path} but received ${messageOf(error)}.`,
    );
  }
  if (!isRecord(header)) throw expected('a safetensors header that is a JSON object', path, header);
  return header;
};

const readHeader = async (path: string, file: FileHandle, { advice = ADVICE }: Wanted) => {
  const { size } = await file.stat();
  const prefix = Buffer.alloc(9);
  const { bytesRead } = await file.read(prefix, 0, 9, 0);
  if (bytesRead < 9) {
    throw expected('a safetensors file', path, `${size} bytes`, 'The file is cut short or of another kind.');
  }
  if (prefix.toString('latin1').startsWith('ARROW1')) {
    throw expected('a safetensors file', path, 'descriptors that `verydeep extract` wrote', advice);
  }
  const declared = prefix.readBigUInt64LE(0);
  if (prefix[8] !== 0x7b || declared > BigInt(Math.min(size - 8, MAX_HEADER))) {
    throw expected(
      'a safetensors file (a header length within the file, then "{")',
      path,
      declared > BigInt(size - 8) && prefix[8] === 0x7b
        ? `a header of ${declared} bytes in a file of ${size}: it is cut short`
        : `the first bytes ${prefix.toString('hex')}`,
      advice,
    );
  }
  const length = Number(declared);
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, 8);
  const { __metadata__: metadata = {}, ...entries } = parseHeader(path, bytes.toString('utf8'));
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw expected('__metadata__ of texts', path, metadata);
  }
  const start = 8 + length;
  const tensors = Object.entries(entries)
    .map(([name, entry]) => [name, tensorInfo(path, name, entry, start, size - start)] as const)
    .sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  checkLayout(path, tensors, start, size);
  return { metadata: metadata as Record<string, string>, tensors: new Map(tensors) };
};

/**
 * Opens a safetensors file and checks its whole header against the file's size; tensors are read on demand.
 *
 * @param wanted what is expected at `path`, for messages
 * @throws UsageError naming the file and the first fault: not safetensors, truncated, offsets that overlap,
 * leave gaps or exceed the file, a length that disagrees with type and shape
 */
export const openSafetensors = async (
  path: string,
  wanted: Wanted = { what: 'weight file' },
): Promise<Safetensors> => {
  requireFile(path, wanted);
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw openError(path, wanted, readReason(error));
  }
  try {
    const { metadata, tensors } = await readHeader(path, file, wanted);
    const chunks = async function* (name: string, elements = CHUNK): AsyncGenerator<Float32Array> {
      const info = tensors.get(name);
      if (!info) throw expected(`one of the tensors ${[...tensors.keys()].join(', ')}`, path, name);
      const step = elements * elementBytes[info.dtype];
      for (let done = 0; done < info.length; done += step) {
        const bytes = new Uint8Array(Math.min(step, info.length - done));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, info.offset + done);
        if (bytesRead !== bytes.length) {
          throw expected(`${info.length} bytes`, `the tensor ${name} of ${path}`, done + bytesRead);
        }
        yield floatsOf(bytes, info.dtype, `the tensor ${name} of ${path}`);
      }
    };
    const read = async (name: string): Promise<Float32Array> => {
      const result = new Float32Array(sizeFromShape(tensors.get(name)?.shape ?? []));
      let done = 0;
      for await (const chunk of chunks(name)) {
        result.set(chunk, done);
        done += chunk.length;
      }
      return result;
    };
    const readDoubles = async (name: string): Promise<Float64Array> => {
      const info = tensors.get(name);
      if (info?.dtype !== 'F64') throw expected('type F64', `the tensor ${name} of ${path}`, info?.dtype);
      const result = new Float64Array(sizeFromShape(info.shape));
      await file.read(new Uint8Array(result.buffer), 0, info.length, info.offset);
      return result;
    };
    const readBytes = async (name: string): Promise<Uint8Array> => {
      const info = tensors.get(name);
      if (!info) throw expected(`one of the tensors ${[...tensors.keys()].join(', ')}`, path, name);
      const bytes = new Uint8Array(info.length);
      await file.read(bytes, 0, info.length, info.offset);
      return bytes;
    };
    const lazy = [...tensors].map(
      ([name, info]) => [name, { ...info, name, chunks: () => chunks(name) }] as const,
    );
    return {
      ...{ path, metadata, tensors: new Map(lazy), read, readDoubles, readBytes, chunks },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};

const arrayTypes = [
  [Float32Array, 'F32'],
  [Float64Array, 'F64'],
  [Int32Array, 'I32'],
  [BigInt64Array, 'I64'],
  [Int8Array, 'I8'],
  [Uint8Array, 'U8'],
] as const;

/** Arrays that can be written directly. */
export type WritableArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Int8Array | Uint8Array;

/** A float32 tensor's numbers in pieces, computed when they are written. */
export type Pieces = () => AsyncIterable<Float32Array> | Iterable<Float32Array> | Promise<Float32Array>;

/** A tensor to write: an array, or a function that returns float32 numbers when they are written. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: WritableArray | Pieces;
  /** The type of numbers that come in pieces: as they are, or rounded to halves. Default: F32. */
  readonly dtype?: 'F32' | 'F16';
}

const dtypeOf = ({ data, dtype = 'F32' }: SafetensorsEntry): Dtype =>
  typeof data === 'function' ? dtype : (arrayTypes.find(([type]) => data instanceof type)?.[1] ?? 'U8');

const LARGEST_HALF = 65_504;

/** Halves of numbers. @throws UsageError naming the tensor where one is too large for its type */
const halvesOf = (numbers: Float32Array, where: string): Uint16Array => {
  const large = numbers.find((value) => !(Math.abs(value) <= LARGEST_HALF));
  if (large !== undefined) throw expected(`numbers of at most ${LARGEST_HALF} (float16)`, where, large);
  return encodeFloat16(numbers);
};

async function* piecesOf(data: WritableArray | Pieces): AsyncGenerator<WritableArray> {
  if (typeof data !== 'function') yield data;
  else {
    const made = data();
    if (made instanceof Promise) yield await made;
    else yield* made;
  }
}

const headerBytes = (
  metadata: Readonly<Record<string, string>>,
  entries: readonly SafetensorsEntry[],
): Uint8Array => {
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let position = 0;
  for (const entry of entries) {
    const { name, shape } = entry;
    const dtype = dtypeOf(entry);
    const end = position + sizeFromShape(shape) * elementBytes[dtype];
    header.push([name, { dtype, shape, data_offsets: [position, end] }]);
    position = end;
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const padded = Buffer.alloc(Math.ceil((8 + text.length) / 64) * 64, ' '); // Aligns the tensors to cache lines.
  padded.writeBigUInt64LE(BigInt(padded.length - 8), 0);
  text.copy(padded, 8);
  return padded;
};

/**
 * Writes a safetensors file: streamed (one piece in memory at a time), atomic, and with the same bytes for
 * the same entries in the same order.
 *
 * @param metadata texts for `__metadata__` @param entries the tensors in file order; names must be unique,
 * and numbers must match shapes
 * @throws VerydeepError naming `path` when it cannot be written; UsageError when numbers and shape disagree
 */
export const writeSafetensors = async (
  path: string,
  metadata: Readonly<Record<string, string>>,
  entries: Iterable<SafetensorsEntry>,
): Promise<void> => {
  const list = [...entries];
  const names = new Set<string>();
  for (const { name } of list) {
    if (names.has(name)) throw expected('tensors of different names', path, name);
    names.add(name);
  }
  await writeAtomically(path, async (file) => {
    await writeAll(file, headerBytes(metadata, list));
    for (const entry of list) {
      const { name, shape, data } = entry;
      const isHalf = dtypeOf(entry) === 'F16';
      let count = 0;
      for await (const piece of piecesOf(data)) {
        count += piece.length;
        const stored = isHalf ? halvesOf(piece as Float32Array, `the tensor ${name} of ${path}`) : piece;
        await writeAll(file, new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
      }
      if (count !== sizeFromShape(shape)) {
        throw expected(`${sizeFromShape(shape)} numbers`, `the tensor ${name} of ${path}`, count);
      }
    }
  });
};

const writeAll = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 1 << 26));
    done += bytesWritten;
  }
};
