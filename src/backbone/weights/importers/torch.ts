// torch's checkpoints (.pth): the zip form of today and the older single stream of pickles. Nothing in them is run.
import yauzl from 'yauzl';
import { UsageError, expected, messageOf } from '../../../errors.js';
import { elementBytes } from '../../../formats/safetensors.js';
import { FileBytes } from '../../../formats/file-bytes.js';
import {
  type PickledStorage,
  type PickledTensor,
  type PickledValue,
  isPickledTensor,
  unpickle,
} from '../../../formats/pickle.js';
import { type SourceTensor, type WeightSource, inputPresets } from './source.js';
import { stateDictLayers } from './state-dict.js';
import { sizeFromShape } from '../../../shape.js';

/** Where a stretch of bytes lies in the file. */
interface Place {
  readonly offset: number;
  readonly length: number;
}

/** First bytes of the older form: a pickle of torch's magic number 0x1950a86a20f9469cfc6c. */
export const legacyMagic = Uint8Array.of(
  0x80,
  2,
  0x8a,
  10,
  0x6c,
  0xfc,
  0x9c,
  0x46,
  0xf9,
  0x20,
  0x6a,
  0xa8,
  0x50,
  0x19,
);

const dictionaryKeys = ['state_dict', 'model_state_dict', 'model', 'net', 'weights'] as const;

/** The state dictionary: the pickle's value itself, or the part of a training checkpoint that holds it. */
const stateDictOf = (path: string, value: PickledValue): Map<string, PickledTensor> => {
  if (!(value instanceof Map)) throw expected('a dictionary of tensors', path, 'a pickle of something else');
  const inner = dictionaryKeys.map((key) => value.get(key)).find((found) => found instanceof Map);
  const entries = [...(inner ?? value)].filter(
    (entry): entry is [string, PickledTensor] => typeof entry[0] === 'string' && isPickledTensor(entry[1]),
  );
  if (entries.length === 0) throw expected('a dictionary of tensors', path, 'one without tensors');
  return new Map(entries);
};

const isContiguous = ({ shape, strides }: PickledTensor): boolean => {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== stride) return false;
    stride *= shape[axis]!;
  }
  return true;
};

/** Gathers a tensor whose axes are not in order (channels last): its storage is read whole. */
const gather = (numbers: Float32Array, { shape, strides, offset }: PickledTensor): Float32Array => {
  const result = new Float32Array(sizeFromShape(shape));
  const index = shape.map(() => 0);
  let place = offset;
  for (let i = 0; i < result.length; i++) {
    result[i] = numbers[place]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      place -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
};

const tensorOf = (
  file: FileBytes,
  name: string,
  tensor: PickledTensor,
  placeOf: (storage: PickledStorage) => Place,
): SourceTensor => {
  const { storage, offset, shape, strides } = tensor;
  const count = sizeFromShape(shape);
  const bytes = elementBytes[storage.dtype];
  const last =
    count === 0 ? -1 : shape.reduce((sum, n, axis) => sum + (n - 1) * (strides[axis] ?? 0), offset);
  if (strides.length !== shape.length || count > storage.count || last >= storage.count) {
    throw file.wrong(
      `the tensor ${name} (${JSON.stringify(shape)}) is larger than its storage of ${storage.count}`,
    );
  }
  const place = placeOf(storage);
  if (place.length !== storage.count * bytes) {
    throw file.wrong(`the storage of ${name} has ${place.length} bytes, expected ${storage.count * bytes}`);
  }
  file.check(place.offset, place.length);
  return {
    name,
    shape,
    chunks: function* () {
      if (isContiguous(tensor)) yield* file.floats(place.offset + offset * bytes, count, storage.dtype);
      else {
        const whole = new Float32Array(storage.count);
        let done = 0;
        for (const piece of file.floats(place.offset, storage.count, storage.dtype)) {
          whole.set(piece, done);
          done += piece.length;
        }
        yield gather(whole, tensor);
      }
    },
  };
};

const sourceOf = (
  file: FileBytes,
  format: string,
  value: PickledValue,
  placeOf: (storage: PickledStorage) => Place,
): WeightSource => {
  const tensors = [...stateDictOf(file.path, value)].map(
    ([name, tensor]) => [name, tensorOf(file, name, tensor, placeOf)] as const,
  );
  return {
    format,
    layers: stateDictLayers(file.path, new Map(tensors)),
    input: inputPresets.torchvision,
    close: () => {
      file.close();
      return Promise.resolve();
    },
  };
};

/** Lets yauzl read only what lies in the file: given an impossible place, its own reader would end the process. */
class CheckedReader extends yauzl.RandomAccessReader {
  readonly #file: FileBytes;

  constructor(file: FileBytes) {
    super();
    this.#file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, count?: number) => void,
  ): void {
    try {
      buffer.set(this.#file.read(position, length), offset);
      setImmediate(callback, null, length);
    } catch (error) {
      setImmediate(callback, error as Error);
    }
  }
}

const MAX_ENTRIES = 10_000;

/** Every stored entry of a zip archive by its name. yauzl checks the directory; places are checked against the file. */
const zipEntries = async (file: FileBytes): Promise<Map<string, Place>> => {
  const zip = await yauzl.fromRandomAccessReaderPromise(new CheckedReader(file), file.size, {
    lazyEntries: true,
    autoClose: false,
  });
  try {
    if (zip.entryCount > MAX_ENTRIES)
      throw file.wrong(`its zip directory announces ${zip.entryCount} entries`);
    const places = new Map<string, Place>();
    for await (const entry of zip.eachEntry()) {
      if (entry.compressionMethod !== 0 || entry.isEncrypted()) {
        if (/\/data(\.pkl|\/[^/]*)$/.test(entry.fileName)) {
          throw file.wrong(`its entry ${entry.fileName} is compressed or encrypted, which torch never does`);
        }
        continue;
      }
      const header = entry.relativeOffsetOfLocalHeader;
      file.check(header, 30);
      const local = Buffer.from(file.read(header, 30));
      if (local.readUInt32LE(0) !== 0x04034b50) throw file.wrong(`no zip entry at byte ${header}`);
      const offset = header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
      file.check(offset, entry.uncompressedSize);
      places.set(entry.fileName, { offset, length: entry.uncompressedSize });
    }
    return places;
  } catch (error) {
    throw error instanceof UsageError ? error : file.wrong(messageOf(error));
  } finally {
    zip.close();
  }
};

/** Opens the zip form (torch 1.6 and later). */
export const openTorchZip = async (path: string): Promise<WeightSource> => {
  const file = new FileBytes(path);
  try {
    const places = await zipEntries(file).catch((error: unknown) => {
      throw error instanceof UsageError ? error : file.wrong(messageOf(error));
    });
    const pickleName = [...places.keys()].find((name) => /^[^/]*\/data\.pkl$/.test(name));
    if (pickleName === undefined) {
      throw expected(
        'a torch checkpoint (a zip archive with data.pkl in it)',
        path,
        [...places.keys()].slice(0, 4),
      );
    }
    const folder = pickleName.slice(0, -'data.pkl'.length);
    const order = places.get(`${folder}byteorder`);
    if (order && file.text(order.offset, order.length) !== 'little') {
      throw expected('little-endian numbers', path, file.text(order.offset, order.length));
    }
    const { offset, length } = places.get(pickleName)!;
    const { value } = unpickle(file, offset, offset + length);
    return sourceOf(file, 'torch-zip', value, ({ key }) => {
      const place = places.get(`${folder}data/${key}`);
      if (!place) throw file.wrong(`it holds no storage ${key}`);
      return place;
    });
  } catch (error) {
    file.close();
    throw error;
  }
};

/** Opens the older form: magic number, version, system facts, the value, the storages' keys, then the storages. */
export const openTorchLegacy = (path: string): Promise<WeightSource> => {
  const file = new FileBytes(path);
  try {
    let position = 0;
    const next = () => {
      const read = unpickle(file, position, file.size);
      position = read.end;
      return read;
    };
    next(); // The magic number, by which the file was recognised.
    const version = next().value;
    if (version !== 1001) throw expected('version 1001 of the format', path, version);
    const system = next().value;
    if (system instanceof Map && system.get('little_endian') === false) {
      throw expected('little-endian numbers', path, 'big-endian ones');
    }
    const { value, storages } = next();
    const keys = next().value;
    if (!Array.isArray(keys)) throw file.wrong('its list of storages is none');
    const places = new Map<string, Place>();
    for (const key of keys) {
      const storage = typeof key === 'string' ? storages.get(key) : undefined;
      if (!storage) throw file.wrong(`it lists the storage ${JSON.stringify(key)}, to which nothing refers`);
      const count = Buffer.from(file.read(position, 8)).readBigInt64LE();
      if (count !== BigInt(storage.count)) {
        throw file.wrong(`the storage ${storage.key} has ${count} numbers, expected ${storage.count}`);
      }
      const length = storage.count * elementBytes[storage.dtype];
      file.check(position + 8, length);
      places.set(storage.key, { offset: position + 8, length });
      position += 8 + length;
    }
    return Promise.resolve(
      sourceOf(file, 'torch-legacy', value, ({ key }) => {
        const place = places.get(key);
        if (!place) throw file.wrong(`it holds no storage ${key}`);
        return place;
      }),
    );
  } catch (error) {
    file.close();
    throw error;
  }
};
