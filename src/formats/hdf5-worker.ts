// The worker in which HDF5 files are read: the HDF5 library works on hostile bytes here and can be thrown away.
import fs from 'node:fs';
import { resolve } from 'node:path';
import { parentPort } from 'node:worker_threads';
import h5wasm from 'h5wasm/node';
import { messageOf } from '../errors.js';
import { sizeFromShape } from '../shape.js';

/** A dataset of floating-point numbers. */
export interface Hdf5Dataset {
  readonly path: string;
  readonly shape: readonly number[];
}

/** What the file holds, as far as it matters for weights. */
export interface Hdf5Index {
  readonly datasets: readonly Hdf5Dataset[];
  /** Attributes that are lists of text, by "path@name": Keras's layer_names and weight_names. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

/** A request: the index of a file, or rows [from, to) of a dataset of the file that was opened last. */
export type Hdf5Request =
  | { readonly open: string; readonly size: number }
  | { readonly dataset: string; readonly from: number; readonly to: number };

export type Hdf5Reply = { readonly result: Hdf5Index | Float32Array } | { readonly failure: string };

const MAX_OBJECTS = 10_000;
const MAX_DEPTH = 12;
/** HDF5's class of floating-point types. */
const FLOAT = 1;
/** How much smaller deflate can make a run of equal bytes. */
const MOST_COMPRESSED = 1040;

let file: InstanceType<typeof h5wasm.File> | undefined;

/** The one file that may be opened, and another that was asked for since the last request. */
let allowed: string | undefined;
let trespass: string | undefined;

/*
 * An HDF5 file can point to others (external links, external storage, virtual datasets), and the library would open
 * them. This thread's `fs`, which the library's file system calls, opens the one file only.
 */
const open = fs.openSync;
fs.openSync = (path, ...rest) => {
  if (resolve(String(path)) === allowed) return open(path, ...rest);
  trespass ??= String(path);
  throw Object.assign(new Error(`ENOENT: not opened, ${String(path)}`), { code: 'ENOENT' });
};
// The library prints its stack of errors past the worker's streams; what matters is in the errors that it throws.
const write = fs.writeSync as (fd: number, data: Uint8Array, ...place: number[]) => number;
const writeElsewhere = (fd: number, data: Uint8Array, ...place: number[]): number =>
  fd > 2 ? write(fd, data, ...place) : (place[1] ?? data.length);
fs.writeSync = writeElsewhere as typeof fs.writeSync;

const describe = (dataset: InstanceType<typeof h5wasm.Dataset>, size: number): Hdf5Dataset | undefined => {
  const { shape, filters, metadata } = dataset;
  const [source] = metadata.virtual_sources ?? [];
  if (source) trespass ??= source.file_name;
  const isFloat = metadata.type === FLOAT && !metadata.vlen && [4, 8].includes(metadata.size);
  if (shape === null || !isFloat) return undefined;
  const bytes = sizeFromShape(shape) * metadata.size;
  if (bytes > size * (filters.length > 0 ? MOST_COMPRESSED : 1)) {
    throw new Error(`the dataset ${dataset.path} announces ${bytes} bytes, more than the file can hold`);
  }
  return { path: dataset.path, shape };
};

const index = (path: string, size: number): Hdf5Index => {
  file?.close();
  file = undefined;
  allowed = resolve(path);
  file = new h5wasm.File(path, 'r');
  const datasets: Hdf5Dataset[] = [];
  const lists: Record<string, readonly string[]> = {};
  let objects = 0;
  const walk = (group: InstanceType<typeof h5wasm.Group>, depth: number): void => {
    for (const name of ['layer_names', 'weight_names']) {
      if (!Object.hasOwn(group.attrs, name)) continue;
      const value = group.attrs[name]!.value;
      if (Array.isArray(value)) lists[`${group.path}@${name}`] = value.map(String);
    }
    for (const key of group.keys()) {
      if (++objects > MAX_OBJECTS || depth > MAX_DEPTH) throw new Error('it holds too many groups');
      const entity = group.get(key);
      if (entity instanceof h5wasm.Group) walk(entity, depth + 1);
      else if (entity instanceof h5wasm.Dataset) {
        const found = describe(entity, size);
        if (found) datasets.push(found);
      }
    }
  };
  walk(file, 0);
  return { datasets, lists };
};

const rows = (path: string, from: number, to: number): Float32Array => {
  const dataset = file?.get(path);
  if (!(dataset instanceof h5wasm.Dataset)) throw new Error(`it holds no dataset ${path}`);
  const rank = dataset.shape?.length ?? 0;
  const value =
    rank === 0
      ? dataset.value
      : dataset.slice([[from, to], ...Array.from({ length: rank - 1 }, (): [] => [])]);
  if (value instanceof Float32Array) return value;
  if (value instanceof Float64Array) return Float32Array.from(value);
  throw new Error(`the dataset ${path} holds no numbers that can be read`);
};

// The library's own messages go into the errors thrown, not to standard error.
(await h5wasm.ready).activate_throwing_error_handler();
parentPort!.on('message', (request: Hdf5Request) => {
  let reply: Hdf5Reply;
  try {
    const result =
      'open' in request ? index(request.open, request.size) : rows(request.dataset, request.from, request.to);
    if (trespass !== undefined) throw new Error('another file is missing');
    reply = { result };
  } catch (error) {
    const failure =
      trespass === undefined
        ? messageOf(error)
        : `it points to another file, ${trespass}, which is not opened`;
    reply = { failure };
  }
  trespass = undefined;
  const transfer =
    'result' in reply && reply.result instanceof Float32Array ? [reply.result.buffer as ArrayBuffer] : [];
  parentPort!.postMessage(reply, transfer);
});
