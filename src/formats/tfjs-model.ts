// TensorFlow.js models: model.json with the topology and the list of weights, and the shards that hold the
// weights in sequence.
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { isRecord } from '../checks.js';
import { expected, messageOf } from '../errors.js';
import { sizeFromShape } from '../shape.js';
import { FileBytes } from './file-bytes.js';
import { floatsOf } from './floats.js';
import type { LazyTensor, TensorFile } from './tensor.js';

/** An open layers model. The caller closes it. */
interface TfjsFile extends TensorFile {
  /** `modelTopology`, unchanged. */
  readonly topology: unknown;
  /** Texts of `userDefinedMetadata`. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

const isShape = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Types in the shards: bytes per element, and the safetensors name. */
const types = {
  float32: { bytes: 4, dtype: 'F32' },
  float16: { bytes: 2, dtype: 'F16' },
  uint8: { bytes: 1, dtype: 'U8' },
  uint16: { bytes: 2, dtype: 'U16' },
  int32: { bytes: 4, dtype: 'I32' },
  bool: { bytes: 1, dtype: 'BOOL' },
} as const;
type ShardType = keyof typeof types;

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly stored: ShardType;
  /** For quantised weights: number = stored * scale + min. */
  readonly scale: number;
  readonly min: number;
  /** Offset in the concatenated shards of its group. */
  readonly offset: number;
  readonly length: number;
}

const entryOf = (path: string, spec: unknown, offset: number): Entry => {
  const at = `an entry of weightsManifest in ${path}`;
  if (!isRecord(spec) || typeof spec['name'] !== 'string' || !isShape(spec['shape'])) {
    throw expected('name and shape', at, spec);
  }
  const { name, shape, dtype, quantization } = spec as Record<string, unknown> & {
    name: string;
    shape: number[];
  };
  const { dtype: stored = dtype, scale = 1, min = 0 } = isRecord(quantization) ? quantization : {};
  if (typeof stored !== 'string' || !Object.hasOwn(types, stored)) {
    throw expected('float32 weights', `${name} in ${path}`, stored);
  }
  if (typeof scale !== 'number' || typeof min !== 'number')
    throw expected('scale and min', `${name} in ${path}`, quantization);
  const length = sizeFromShape(shape) * types[stored as ShardType].bytes;
  return { name, shape, stored: stored as ShardType, scale, min, offset, length };
};

/** The shards of a group as one sequence of bytes. */
class Shards {
  readonly #files: readonly FileBytes[];
  readonly size: number;

  constructor(files: readonly FileBytes[]) {
    this.#files = files;
    this.size = files.reduce((sum, { size }) => sum + size, 0);
  }

  *read(offset: number, length: number, step: number): Generator<Uint8Array<ArrayBuffer>> {
    for (let done = 0; done < length; done += step)
      yield this.#join(offset + done, Math.min(step, length - done));
  }

  #join(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const result = new Uint8Array(length);
    let [start, done] = [0, 0];
    for (const file of this.#files) {
      const from = Math.max(offset + done, start);
      const count = Math.min(start + file.size, offset + length) - from;
      if (count > 0) {
        result.set(file.read(from - start, count), done);
        done += count;
      }
      start += file.size;
    }
    return result;
  }
}

const CHUNK = 1 << 22;

function* numbersOf(path: string, shards: Shards, entry: Entry): Generator<Float32Array> {
  const { name, stored, scale, min } = entry;
  if (stored === 'int32' || stored === 'bool')
    throw expected('float32 weights', `${name} in ${path}`, stored);
  for (const bytes of shards.read(entry.offset, entry.length, CHUNK)) {
    if (stored === 'float32') yield new Float32Array(bytes.buffer, 0, bytes.length >> 2);
    else if (stored === 'float16') yield floatsOf(bytes, 'F16', name);
    else {
      const numbers = stored === 'uint8' ? bytes : new Uint16Array(bytes.buffer, 0, bytes.length >> 1);
      yield Float32Array.from(numbers, (n: number) => n * scale + min);
    }
  }
}

const openShards = (path: string, paths: unknown, opened: FileBytes[]): Shards => {
  if (!Array.isArray(paths)) throw expected('paths of shards', path, paths);
  const files = paths.map((name: unknown) => {
    const clean = typeof name === 'string' ? normalize(name) : '..';
    if (clean.startsWith('..') || clean.startsWith('/') || /^[a-z]:|\\/i.test(clean)) {
      throw expected('a shard in the folder of the model', path, name);
    }
    const file = new FileBytes(join(dirname(path), clean));
    opened.push(file);
    return file;
  });
  return new Shards(files);
};

const MAX_JSON = 64 << 20;

const readModel = (path: string): Record<string, unknown> => {
  const file = new FileBytes(path);
  try {
    if (file.size > MAX_JSON) throw expected(`a model.json of at most ${MAX_JSON} bytes`, path, file.size);
  } finally {
    file.close();
  }
  let model: unknown;
  try {
    model = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw expected('a TensorFlow.js model (JSON)', path, messageOf(error));
  }
  if (!isRecord(model) || !Array.isArray(model['weightsManifest'])) {
    throw expected(
      'a TensorFlow.js layers model with a weightsManifest',
      path,
      isRecord(model) ? Object.keys(model) : model,
    );
  }
  if (model['format'] === 'graph-model') {
    throw expected(
      'a layers model',
      path,
      'a graph model, whose layers are no longer told apart',
      'Convert the Keras model to the format tfjs_layers_model instead.',
    );
  }
  return model;
};

/** Opens a layers model by its model.json. @throws UsageError naming the file and the fault */
export const openTfjsModel = (path: string): TfjsFile => {
  const model = readModel(path);
  const opened: FileBytes[] = [];
  const close = (): void => opened.forEach((file) => file.close());
  try {
    const tensors = new Map<string, LazyTensor>();
    for (const group of model['weightsManifest'] as unknown[]) {
      if (!isRecord(group) || !Array.isArray(group['weights']))
        throw expected('paths and weights', path, group);
      const shards = openShards(path, group['paths'], opened);
      let offset = 0;
      for (const spec of group['weights']) {
        const entry = entryOf(path, spec, offset);
        const { name, shape, stored } = entry;
        offset += entry.length;
        if (offset > shards.size) {
          throw expected(
            `shards of at least ${offset} bytes`,
            `the weights ${name} of ${path}`,
            shards.size,
            'A shard is missing or cut short.',
          );
        }
        if (tensors.has(name)) throw expected('weights of different names', path, name);
        tensors.set(name, {
          name,
          shape,
          dtype: types[stored].dtype,
          chunks: () => numbersOf(path, shards, entry),
        });
      }
    }
    const metadata = model['userDefinedMetadata'];
    return {
      tensors,
      topology: model['modelTopology'],
      metadata: isRecord(metadata) ? metadata : {},
      close: () => {
        close();
        return Promise.resolve();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
};
