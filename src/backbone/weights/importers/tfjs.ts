// TensorFlow.js layers models: model.json with the list of weights, and the shards that hold them one after another.
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expected, messageOf } from '../../../errors.js';
import { floatsOf } from '../../../formats/floats.js';
import { FileBytes } from '../../../formats/file-bytes.js';
import { readNote } from '../../nets/note.js';
import { type SourceLayer, type SourceTensor, type WeightSource, inputPresets } from './source.js';
import { sizeFromShape } from '../../../shape.js';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isShape = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Types in the shards: bytes an element and how it becomes a number. */
const types = { float32: 4, float16: 2, uint8: 1, uint16: 2 } as const;
type ShardType = keyof typeof types;

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly stored: ShardType;
  /** Of quantised weights: number = stored * scale + min. */
  readonly scale: number;
  readonly min: number;
  /** In the shards of its group, joined. */
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
  if (typeof stored !== 'string' || !Object.hasOwn(types, stored) || dtype !== 'float32') {
    throw expected('float32 weights', `${name} in ${path}`, stored === 'float32' ? dtype : stored);
  }
  if (typeof scale !== 'number' || typeof min !== 'number')
    throw expected('scale and min', `${name} in ${path}`, quantization);
  const length = sizeFromShape(shape) * types[stored as ShardType];
  return { name, shape, stored: stored as ShardType, scale, min, offset, length };
};

/** The shards of a group as one run of bytes. */
class Shards {
  readonly #files: readonly FileBytes[];
  readonly size: number;

  constructor(files: readonly FileBytes[]) {
    this.#files = files;
    this.size = files.reduce((sum, { size }) => sum + size, 0);
  }

  *read(offset: number, length: number, step: number): Generator<Uint8Array> {
    for (let done = 0; done < length; done += step)
      yield this.#join(offset + done, Math.min(step, length - done));
  }

  #join(offset: number, length: number): Uint8Array {
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

function* numbersOf(shards: Shards, entry: Entry): Generator<Float32Array> {
  const { stored, scale, min } = entry;
  for (const bytes of shards.read(entry.offset, entry.length, CHUNK)) {
    if (stored === 'float32') yield new Float32Array(bytes.buffer, 0, bytes.length >> 2);
    else if (stored === 'float16') yield floatsOf(bytes, 'F16', entry.name);
    else {
      const numbers = stored === 'uint8' ? bytes : new Uint16Array(bytes.buffer, 0, bytes.length >> 1);
      yield Float32Array.from(numbers, (n: number) => n * scale + min);
    }
  }
}

const tensorOf = (shards: Shards, entry: Entry): SourceTensor => ({
  name: entry.name,
  shape: entry.shape,
  chunks: () => numbersOf(shards, entry),
});

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

/** Kernel and bias of each layer, in the order of the list; anything else is refused. */
export const kernelsAndBiases = (path: string, tensors: readonly SourceTensor[]): readonly SourceLayer[] => {
  const layers = new Map<string, { kernel?: SourceTensor; bias?: SourceTensor }>();
  for (const tensor of tensors) {
    const name = tensor.name.replace(/\/[^/]*$/, '');
    const layer = layers.get(name) ?? {};
    layers.set(name, layer);
    const part = tensor.shape.length === 1 ? 'bias' : 'kernel';
    if (layer[part] || ![1, 2, 4].includes(tensor.shape.length)) {
      throw expected(
        'layers of one kernel and one bias',
        `the weights ${tensor.name} of ${path}`,
        tensor.shape,
      );
    }
    layer[part] = tensor;
  }
  return [...layers].map(([name, { kernel, bias }]) => {
    if (!kernel) throw expected('a kernel', `the layer ${name} of ${path}`, 'only a bias');
    return { name, kernel, axes: 'hwio', ...(bias ? { bias } : {}) };
  });
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
    model = JSON.parse(readFileSync(path, 'utf8'));
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
      'Convert the Keras model to the format tfjs_layers_model.',
    );
  }
  return model;
};

/** Opens a layers model by its model.json. Preprocessing is Keras's for VGG unless an export of ours noted another. */
export const openTfjs = (path: string): Promise<WeightSource> => {
  const model = readModel(path);
  const opened: FileBytes[] = [];
  const close = (): void => opened.forEach((file) => file.close());
  try {
    const tensors: SourceTensor[] = [];
    for (const group of model['weightsManifest'] as unknown[]) {
      if (!isRecord(group) || !Array.isArray(group['weights']))
        throw expected('paths and weights', path, group);
      const shards = openShards(path, group['paths'], opened);
      let offset = 0;
      for (const spec of group['weights']) {
        const entry = entryOf(path, spec, offset);
        offset += entry.length;
        if (offset > shards.size) {
          throw expected(
            `shards of at least ${offset} bytes`,
            `the weights ${entry.name} of ${path}`,
            shards.size,
            'A shard is missing or cut short.',
          );
        }
        tensors.push(tensorOf(shards, entry));
      }
    }
    const user = model['userDefinedMetadata'];
    const note = isRecord(user) && typeof user['verydeep'] === 'string' ? user['verydeep'] : undefined;
    return Promise.resolve({
      format: 'tfjs-layers',
      layers: kernelsAndBiases(path, tensors),
      input: inputPresets.oxford,
      ...readNote(path, note),
      close: () => {
        close();
        return Promise.resolve();
      },
    });
  } catch (error) {
    close();
    throw error;
  }
};
