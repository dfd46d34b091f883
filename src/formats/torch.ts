// Reads torch's checkpoints (.pth): the current zip form and the older single stream of pickles. Runs no code
// from them.
import { UsageError, expected } from '../errors.js';
import { sizeFromShape } from '../shape.js';
import { FileBytes } from './file-bytes.js';
import { type PickledStorage, type PickledTensor, type PickledValue, unpickle } from './pickle.js';
import { elementBytes } from './safetensors.js';
import type { LazyTensor } from './tensor.js';
import { type ZipEntry, zipEntries } from './zip.js';

/** A range of bytes in the file. */
interface Place {
  readonly offset: number;
  readonly length: number;
}

/** An open checkpoint: a tree of plain values and tensors. The caller closes it. */
export interface TorchFile {
  readonly path: string;
  readonly format: 'torch-zip' | 'torch-legacy';
  readonly value: PickledValue;
  /** Whether the archive contains a program (TorchScript, torch.export), not only values. */
  readonly program: boolean;
  /** A tensor of the tree; `name` is used in messages. @throws UsageError when it is not within the file */
  tensor(name: string, pickled: PickledTensor): LazyTensor;
  close(): Promise<void>;
}

/** torch's magic number 0x1950a86a20f9469cfc6c as a pickle writes it: LONG1 of ten bytes, or in protocol 0 as text. */
const magic = Buffer.from([0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]);
const magicAsText = Buffer.from('L119547037146038801333356L\n');
/** Bytes before it: PROTO, and from protocol 4 on FRAME with its length. */
const beforeMagic = [2, 11] as const;

/** Whether a file with these first bytes is a checkpoint of the older form. */
export const isTorchLegacy = (start: Uint8Array): boolean => {
  const bytes = Buffer.from(start);
  if (bytes.subarray(0, magicAsText.length).equals(magicAsText)) return true;
  return bytes[0] === 0x80 && beforeMagic.some((at) => bytes.subarray(at, at + magic.length).equals(magic));
};

const isContiguous = ({ shape, strides }: PickledTensor): boolean => {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== stride) return false;
    stride *= shape[axis]!;
  }
  return true;
};

/** Gathers a tensor with permuted axes (channels last); reads its whole storage. */
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

const lazyTensor = (
  file: FileBytes,
  name: string,
  tensor: PickledTensor,
  placeOf: (storage: PickledStorage) => Place,
): LazyTensor => {
  const { storage, offset, shape, strides } = tensor;
  const { dtype } = storage;
  if (dtype === undefined) {
    return {
      name,
      shape,
      dtype: storage.type,
      chunks: () => {
        throw expected('a floating-point type', `the tensor ${name} of ${file.path}`, storage.type);
      },
    };
  }
  const count = sizeFromShape(shape);
  const bytes = elementBytes[dtype];
  const last =
    count === 0 ? -1 : shape.reduce((sum, n, axis) => sum + (n - 1) * (strides[axis] ?? 0), offset);
  if (strides.length !== shape.length || count > Math.max(1, storage.count) || last >= storage.count) {
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
    dtype,
    chunks: function* () {
      if (isContiguous(tensor)) yield* file.floats(place.offset + offset * bytes, count, dtype);
      else {
        const whole = new Float32Array(storage.count);
        let done = 0;
        for (const piece of file.floats(place.offset, storage.count, dtype)) {
          whole.set(piece, done);
          done += piece.length;
        }
        yield gather(whole, tensor);
      }
    },
  };
};

const checkpoint = (
  file: FileBytes,
  format: TorchFile['format'],
  value: PickledValue,
  program: boolean,
  places: ReadonlyMap<string, Place>,
): TorchFile => ({
  path: file.path,
  format,
  value,
  program,
  tensor: (name, pickled) =>
    lazyTensor(file, name, pickled, ({ key }) => {
      const place = places.get(key);
      if (!place) throw file.wrong(`it holds no storage ${key}`);
      return place;
    }),
  close: () => {
    file.close();
    return Promise.resolve();
  },
});

/** Rejects a compressed entry, which torch never writes. */
const stored = (file: FileBytes, name: string, entry: ZipEntry): ZipEntry => {
  if (entry.kind !== 'stored') {
    throw file.wrong(`its entry ${name} is compressed or encrypted, which torch never does`);
  }
  return entry;
};

/** Opens the zip form (torch 1.6 and later). @throws UsageError naming the file and what is wrong */
export const openTorchZip = async (path: string, what?: string): Promise<TorchFile> => {
  const file = new FileBytes(path, what);
  try {
    const entries = await zipEntries(file);
    const pickleName = [...entries.keys()].find((name) => /^[^/]*\/data\.pkl$/.test(name));
    if (pickleName === undefined) {
      throw expected(
        'a torch checkpoint (a zip archive with data.pkl in it) or a Keras model (with config.json and model.weights.h5)',
        path,
        [...entries.keys()].slice(0, 4),
        'Unpack other archives first.',
      );
    }
    const folder = pickleName.slice(0, -'data.pkl'.length);
    const order = entries.get(`${folder}byteorder`);
    if (order && file.text(order.offset, order.length) !== 'little') {
      throw expected('little-endian numbers', path, file.text(order.offset, order.length));
    }
    const pickle = stored(file, pickleName, entries.get(pickleName)!);
    const { value } = unpickle(file, pickle.offset, pickle.offset + pickle.length);
    const data = `${folder}data/`;
    const places = new Map<string, Place>();
    for (const [name, entry] of entries) {
      if (name.startsWith(data)) places.set(name.slice(data.length), stored(file, name, entry));
    }
    const program = [...entries.keys()].some((name) => name.startsWith(`${folder}code/`));
    return checkpoint(file, 'torch-zip', value, program, places);
  } catch (error) {
    file.close();
    throw error;
  }
};

/** Opens the older form: magic number, version, system facts, the value, the storages' keys, then the storages. */
export const openTorchLegacy = (path: string, what?: string): Promise<TorchFile> => {
  const file = new FileBytes(path, what);
  try {
    let position = 0;
    const next = () => {
      const read = unpickle(file, position, file.size);
      position = read.end;
      return read;
    };
    next(); // Skip the magic number, which identified the file.
    const version = next().value;
    if (version !== 1001) throw expected('version 1001 of the format', path, version);
    const system = next().value;
    if (system instanceof Map && system.get('little_endian') === false) {
      throw expected('little-endian numbers', path, 'big-endian ones');
    }
    const { value, storages } = next();
    const keys = next().value;
    if (!Array.isArray(keys)) throw file.wrong('its list of storages is missing');
    const places = new Map<string, Place>();
    for (const key of keys) {
      const storage = typeof key === 'string' ? storages.get(key) : undefined;
      if (!storage) throw file.wrong(`it lists the storage ${JSON.stringify(key)}, to which nothing refers`);
      if (storage.dtype === undefined) {
        throw new UsageError(
          `Expected plain numbers in ${path} but received a storage of type ${storage.type}.`,
        );
      }
      const count = Buffer.from(file.read(position, 8)).readBigInt64LE();
      if (count !== BigInt(storage.count)) {
        throw file.wrong(`the storage ${storage.key} has ${count} numbers, expected ${storage.count}`);
      }
      const length = storage.count * elementBytes[storage.dtype];
      file.check(position + 8, length);
      places.set(storage.key, { offset: position + 8, length });
      position += 8 + length;
    }
    return Promise.resolve(checkpoint(file, 'torch-legacy', value, false, places));
  } catch (error) {
    file.close();
    throw error;
  }
};
