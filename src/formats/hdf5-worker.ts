// The worker that reads HDF5 files: it isolates the HDF5 library from untrusted input and can be terminated.
import fs from 'node:fs';
import { resolve } from 'node:path';
import h5wasm from 'h5wasm/node';
import { decodeFloat16 } from './float16.js';
import { sizeFromShape } from '../shape.js';
import { Moved } from '../threads/messages.js';
import { serve } from '../threads/serve.js';

/** A dataset of floating-point numbers. */
export interface Hdf5Dataset {
  readonly path: string;
  readonly shape: readonly number[];
  /** The numbers are of half precision. */
  readonly half?: boolean;
}

/** A dataset of texts or whole numbers with one axis. */
export interface Hdf5Column {
  readonly path: string;
  readonly rows: number;
}

/** The contents of the file that matter for weights. */
export interface Hdf5Index {
  readonly datasets: readonly Hdf5Dataset[];
  readonly columns: readonly Hdf5Column[];
  /** String-list attributes, by "path@name": Keras's layer_names and weight_names. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
  /** String attributes, by "path@name": Keras's model_config, and the name of each layer. */
  readonly texts: Readonly<Record<string, string>>;
}

/** The file to open. */
export interface Hdf5File {
  readonly path: string;
  readonly size: number;
}

/** Rows [from, to) of a dataset of the last opened file. */
export interface Hdf5Rows {
  readonly dataset: string;
  readonly from: number;
  readonly to: number;
}

const MAX_OBJECTS = 10_000;
const MAX_DEPTH = 12;
/** HDF5's classes of types. */
const [INTEGER, FLOAT, STRING] = [0, 1, 3];
/** Deflate's maximum compression ratio. */
const MOST_COMPRESSED = 1040;

let file: InstanceType<typeof h5wasm.File> | undefined;

/** The only file that may be opened, and other files that were requested since the last request. */
let allowed: string | undefined;
const trespasses: string[] = [];

/*
 * An HDF5 file can refer to others (external links, external storage, virtual datasets), and the library would open them. The library's file system calls this thread's `fs`, which opens only the allowed file.
 */
const open = fs.openSync;
fs.openSync = (path, ...rest) => {
  if (resolve(String(path)) === allowed) return open(path, ...rest);
  trespasses.push(String(path));
  throw Object.assign(new Error(`ENOENT: not opened, ${String(path)}`), { code: 'ENOENT' });
};
// The library prints its error stack directly to standard error; its thrown errors hold the relevant part.
const write = fs.writeSync as (fd: number, data: Uint8Array, ...place: number[]) => number;
const writeElsewhere = (fd: number, data: Uint8Array, ...place: number[]): number =>
  fd > 2 ? write(fd, data, ...place) : (place[1] ?? data.length);
fs.writeSync = writeElsewhere as typeof fs.writeSync;

const describe = (dataset: InstanceType<typeof h5wasm.Dataset>, size: number): Hdf5Dataset | undefined => {
  const { shape, filters, metadata } = dataset;
  const [source] = metadata.virtual_sources ?? [];
  if (source) trespasses.push(source.file_name);
  const isFloat = metadata.type === FLOAT && !metadata.vlen && [2, 4, 8].includes(metadata.size);
  if (shape === null || !isFloat) return undefined;
  const bytes = sizeFromShape(shape) * metadata.size;
  if (bytes > size * (filters.length > 0 ? MOST_COMPRESSED : 1)) {
    throw new Error(`the dataset ${dataset.path} announces ${bytes} bytes, more than the file can hold`);
  }
  return { path: dataset.path, shape, ...(metadata.size === 2 && { half: true }) };
};

/** A dataset whose values can name rows. */
const columnOf = ({ shape, metadata, path }: InstanceType<typeof h5wasm.Dataset>): Hdf5Column | undefined =>
  shape?.length === 1 && (metadata.type === STRING || metadata.type === INTEGER)
    ? { path, rows: shape[0]! }
    : undefined;

const index = ({ path, size }: Hdf5File): Hdf5Index => {
  file?.close();
  file = undefined;
  allowed = resolve(path);
  file = new h5wasm.File(path, 'r');
  const datasets: Hdf5Dataset[] = [];
  const columns: Hdf5Column[] = [];
  const lists: Record<string, readonly string[]> = {};
  const texts: Record<string, string> = {};
  let objects = 0;
  const walk = (group: InstanceType<typeof h5wasm.Group>, depth: number): void => {
    for (const name of ['layer_names', 'weight_names']) {
      if (!Object.hasOwn(group.attrs, name)) continue;
      const value = group.attrs[name]!.value;
      if (Array.isArray(value)) lists[`${group.path}@${name}`] = value.map(String);
    }
    for (const name of ['model_config', 'name']) {
      const value = Object.hasOwn(group.attrs, name) ? group.attrs[name]!.value : undefined;
      if (typeof value === 'string') texts[`${group.path}@${name}`] = value;
    }
    for (const key of group.keys()) {
      if (++objects > MAX_OBJECTS || depth > MAX_DEPTH) throw new Error('it holds too many groups');
      const entity = group.get(key);
      if (entity instanceof h5wasm.Group) walk(entity, depth + 1);
      else if (entity instanceof h5wasm.Dataset) {
        const found = describe(entity, size);
        if (found) datasets.push(found);
        const column = columnOf(entity);
        if (column) columns.push(column);
      }
    }
  };
  walk(file, 0);
  return { datasets, columns, lists, texts };
};

const datasetAt = (path: string): InstanceType<typeof h5wasm.Dataset> => {
  const dataset = file?.get(path);
  if (!(dataset instanceof h5wasm.Dataset)) throw new Error(`it holds no dataset ${path}`);
  return dataset;
};

/** The part of the library that reads the bytes of a dataset as they are: it has no type for half precision. */
interface RawReader {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(place: number): void;
  get_dataset_data(
    file: bigint,
    path: string,
    count: readonly bigint[],
    offset: readonly bigint[],
    strides: readonly bigint[],
    place: bigint,
  ): void;
}

const halves = async (
  { file_id, path, shape }: InstanceType<typeof h5wasm.Dataset>,
  from: number,
  to: number,
): Promise<Float32Array> => {
  const library = (await h5wasm.ready) as unknown as RawReader;
  const sizes = shape ?? [];
  const count = sizes.map((size, axis) => BigInt(axis === 0 ? to - from : size));
  const bytes = 2 * Number(count.reduce((all, n) => all * n, 1n));
  const place = library._malloc(bytes);
  if (place === 0) throw new Error(`${bytes} bytes are too many`);
  try {
    library.get_dataset_data(
      file_id,
      path,
      count,
      sizes.map((_, axis) => BigInt(axis === 0 ? from : 0)),
      sizes.map(() => 1n),
      BigInt(place),
    );
    return decodeFloat16(new Uint16Array(library.HEAPU8.slice(place, place + bytes).buffer));
  } finally {
    library._free(place);
  }
};

const floats = async ({ dataset: path, from, to }: Hdf5Rows): Promise<Float32Array> => {
  const dataset = datasetAt(path);
  if (dataset.metadata.size === 2) return halves(dataset, from, to);
  const rank = dataset.shape?.length ?? 0;
  const value =
    rank === 0
      ? dataset.value
      : dataset.slice([[from, to], ...Array.from({ length: rank - 1 }, (): [] => [])]);
  if (value instanceof Float32Array) return value;
  if (value instanceof Float64Array) return Float32Array.from(value);
  throw new Error(`the dataset ${path} holds no numbers that can be read`);
};

const rows = async (request: Hdf5Rows): Promise<Moved<Float32Array>> => {
  const numbers = await floats(request);
  return new Moved(numbers, [numbers.buffer as ArrayBuffer]);
};

const texts = ({ dataset: path, from, to }: Hdf5Rows): string[] => {
  const value = datasetAt(path).slice([[from, to]]) as Iterable<string | number | bigint>;
  return Array.from(value, String);
};

/** The same, but throws if the library tried to open another file. */
const guarded =
  <Task, Answer>(handle: (task: Task) => Answer | Promise<Answer>) =>
  async (task: Task): Promise<Answer> => {
    trespasses.length = 0;
    try {
      const answer = await handle(task);
      if (trespasses.length > 0) throw new Error('another file is missing');
      return answer;
    } catch (error) {
      const [other] = trespasses;
      if (other === undefined) throw error;
      throw new Error(`it points to another file, ${other}, which is not opened`, { cause: error });
    }
  };

const handlers = { index: guarded(index), rows: guarded(rows), texts: guarded(texts) };
export type Hdf5Handlers = typeof handlers;

serve(async () => {
  // The library's messages are part of the thrown errors, and are not printed to standard error.
  (await h5wasm.ready).activate_throwing_error_handler();
  return { handlers, inTurn: true };
});
