// ONNX Runtime's tensors on the caller's memory.
import koffi from '../koffi.js';
import { OutOfMemoryError, UsageError, VerydeepError } from '../../errors.js';
import type { Dimension } from '../onnx.js';
import { type TensorData, type TensorType, elementTypes } from '../tensor.js';
import { environment } from './environment.js';
import { type Library, type Pointer, check, receive } from './library.js';
import { sizeFromShape } from '../../shape.js';

const arrays = {
  float32: Float32Array,
  float16: Uint16Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
} as const;

const typeOfElement = new Map(Object.entries(elementTypes).map(([type, n]) => [n, type as TensorType]));

const ALIGNMENT = 64; // A cache line, and a vector of AVX-512.

/**
 * New memory outside V8's heap, aligned to a cache line, as a typed array.
 *
 * @throws OutOfMemoryError when the machine has too little memory
 */
export const allocate = <T extends TensorType>(type: T, length: number): TensorData[T] => {
  const make = arrays[type] as unknown as new (b: ArrayBuffer, o: number, n: number) => TensorData[T];
  const bytes = length * (make as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  let buffer: ArrayBuffer;
  try {
    buffer = new ArrayBuffer(bytes + ALIGNMENT);
  } catch {
    throw new OutOfMemoryError(
      `Too little memory for a tensor of ${Math.ceil(bytes / 2 ** 20)} MiB: use a smaller batch or smaller images.`,
    );
  }
  const address = koffi.address(buffer);
  return new make(buffer, Number(-address & BigInt(ALIGNMENT - 1)), length);
};

/**
 * A tensor that ONNX Runtime reads or writes in place. The memory belongs to the caller; call `release` when
 * done.
 */
export class Value {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** Referenced so that the memory outlives the native value. */
  readonly data: TensorData[TensorType];
  #handle: Pointer | undefined;
  readonly #library: Library;

  /** @throws UsageError when the shape does not fit the number of elements */
  constructor(data: TensorData[TensorType], type: TensorType, dims: readonly number[]) {
    const count = sizeFromShape(dims);
    if (count !== data.length || !(data instanceof arrays[type])) {
      throw new UsageError(
        `Expected ${data.length} elements of ${type} for a tensor but its shape is [${dims.join(', ')}].`,
      );
    }
    const { library, memory } = environment();
    this.type = type;
    this.dims = dims;
    this.data = data;
    this.#library = library;
    const shape = BigInt64Array.from(dims, BigInt);
    // `buffer` moves a small array out of V8's heap, where it could be moved by the garbage collector.
    const address = koffi.address(new Uint8Array(data.buffer)) + BigInt(data.byteOffset);
    this.#handle = receive(library, (out) =>
      library.api.createTensorWithData(
        memory,
        address,
        data.byteLength,
        shape,
        dims.length,
        elementTypes[type],
        out,
      ),
    );
  }

  /** For sessions of this module only. */
  static handleOf(value: Value): Pointer {
    if (value.#handle === undefined) throw new VerydeepError('A tensor was used after its release.');
    return value.#handle;
  }

  /** Frees the native value (not the memory). A second call does nothing. */
  release(): void {
    if (this.#handle !== undefined) this.#library.api.release.value(this.#handle);
    this.#handle = undefined;
  }
}

/** Element type and shape, as in `info`. */
export const describeTensor = (library: Library, info: Pointer): { type: TensorType; dims: Dimension[] } => {
  const { api } = library;
  const element = new Int32Array(new ArrayBuffer(4));
  check(library, api.getTensorElementType(info, element));
  const rank = Number(receive(library, (out) => api.getDimensionsCount(info, out)));
  const sizes = new BigInt64Array(new ArrayBuffer(8 * Math.max(1, rank)));
  const names = new BigUint64Array(new ArrayBuffer(8 * Math.max(1, rank)));
  check(library, api.getDimensions(info, sizes, rank));
  check(library, api.getSymbolicDimensions(info, names, rank));
  const type = typeOfElement.get(element[0]!);
  if (!type)
    throw new UsageError(
      `Expected element type ${Object.keys(elementTypes).join(', ')} for a model's input or output but received ONNX type ${element[0]}.`,
    );
  const dims = Array.from({ length: rank }, (_, i) => {
    const size = Number(sizes[i]);
    return size >= 0 ? size : koffi.decode.string(names[i]) || '?';
  });
  return { type, dims };
};

/** A copy of a native value, in memory of this thread. */
export const copyOut = (
  library: Library,
  value: Pointer,
): { type: TensorType; dims: number[]; data: TensorData[TensorType] } => {
  const { api } = library;
  const info = receive(library, (out) => api.getTensorTypeAndShape(value, out));
  try {
    const { type, dims } = describeTensor(library, info) as { type: TensorType; dims: number[] };
    const count = sizeFromShape(dims);
    const make = arrays[type];
    if (count === 0) return { type, dims, data: new make(0) };
    const address = receive(library, (out) => api.getTensorMutableData(value, out));
    const data = new make(koffi.view(address, count * make.BYTES_PER_ELEMENT).slice(0));
    return { type, dims, data };
  } finally {
    api.release.tensorInfo(info);
  }
};
