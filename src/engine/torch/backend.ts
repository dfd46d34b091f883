// The tfjs backend `torch`: tensors that lie in libtorch, on the CPU or a GPU, beside arrays for the kernels of tfjs-cpu.
import type { DataId, DataType, TensorInfo, backend_util } from '@tensorflow/tfjs-core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { UsageError } from '../../errors.js';
import { isSameShape, sizeFromShape } from '../../shape.js';
import { type Handle, type NativeArray, type Torch, dtypes } from './call.js';

/** The name under which the backend is registered. */
export const BACKEND_NAME = 'torch';

type BackendValues = backend_util.BackendValues;

/** The element types that libtorch keeps, by tfjs's names. */
const nativeTypes: Readonly<Partial<Record<DataType, number>>> = {
  float32: dtypes.float32,
  int32: dtypes.int32,
  bool: dtypes.bool,
};

/** A tensor in libtorch, which goes when the tensor of tfjs does. */
interface Native {
  readonly handle: Handle;
  readonly shape: readonly number[];
}

/** A tensor's data as tfjs-cpu keeps it, and what this backend adds: its numbers are in `values`, in `native`, or in both. */
interface TensorData {
  values?: BackendValues;
  dtype: DataType;
  refCount: number;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  native?: Native | undefined;
  /** Of the result of pooling: where in the input each number stood, for the gradient. */
  indices?: Handle | undefined;
}

const toNative = (values: BackendValues, dtype: DataType): NativeArray => {
  const numbers = values as ArrayLike<number>;
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(numbers);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(numbers);
  return values instanceof Uint8Array ? values : Uint8Array.from(numbers);
};

/**
 * Kernels take tensors by {@link native} and make results by {@link wrap}. tfjs's tensors are NHWC and dense in shape, but
 * in libtorch they may have any strides, a mask may stay boolean, and activations bfloat16, until someone wants numbers.
 */
export class TorchBackend extends MathBackendCPU {
  /** How often a kernel of tfjs-cpu computed in place of a native one, by name. */
  readonly fallbacks = new Map<string, number>();
  readonly #peek: (dataId: DataId) => TensorData;
  /** Tensors that nobody disposed and nobody can reach. */
  readonly #forgotten: FinalizationRegistry<{ native?: Native | undefined }>;

  /** @param halves whether convolutions and products compute in bfloat16 */
  constructor(
    readonly torch: Torch,
    readonly halves = false,
  ) {
    super();
    this.#forgotten = new FinalizationRegistry(({ native }) => {
      if (native) this.torch.delete(native.handle);
    });
    const get = this.data.get.bind(this.data);
    this.#peek = get;
    // tfjs-cpu's kernels read tensors through this.
    this.data.get = (dataId) => {
      const data: TensorData = get(dataId);
      if (data.values === undefined && data.native) data.values = this.#download(data, data.native);
      return data;
    };
  }

  #download(data: TensorData, { handle, shape }: Native): NativeArray {
    return this.torch.download(
      handle,
      shape,
      nativeTypes[data.dtype] as typeof dtypes.float32 | typeof dtypes.int32 | typeof dtypes.bool,
    );
  }

  #register(dataId: DataId, data: TensorData): void {
    this.data.set(dataId, data);
    this.#forgotten.register(dataId, data, data);
  }

  /** Whether libtorch can hold a tensor. */
  canBeNative({ dtype }: TensorInfo): boolean {
    return nativeTypes[dtype] !== undefined;
  }

  /**
   * The tensor in libtorch, in its own shape, of the element type that libtorch calls by its dtype. The handle is the
   * backend's, or one that `own` deletes.
   */
  native(tensor: TensorInfo, own: (handle: Handle) => Handle): Handle {
    const data = this.#peek(tensor.dataId);
    const type = nativeTypes[data.dtype]!;
    if (data.native && this.torch.dtypeOf(data.native.handle) !== type) {
      this.#replace(data, this.torch.cast(data.native.handle, type), data.native.shape);
    }
    return this.raw(tensor, own);
  }

  /** As {@link native}, of whatever element type it has there. */
  raw(tensor: TensorInfo, own: (handle: Handle) => Handle): Handle {
    const data = this.#peek(tensor.dataId);
    if (!data.native) {
      const { values, dtype } = data;
      const handle = this.torch.upload(toNative(values!, dtype), tensor.shape, nativeTypes[dtype]!);
      data.native = { handle, shape: [...tensor.shape] };
      delete data.values;
    }
    const { handle, shape } = data.native;
    return isSameShape(shape, tensor.shape) ? handle : own(this.torch.reshape(handle, tensor.shape));
  }

  /** As {@link native}, but activations in bfloat16 as they are. */
  activation(tensor: TensorInfo, own: (handle: Handle) => Handle): Handle {
    const handle = this.raw(tensor, own);
    return this.torch.dtypeOf(handle) === dtypes.bfloat16 ? handle : this.native(tensor, own);
  }

  /** A tensor that a convolution or a product takes: as {@link native}, or in bfloat16 where these compute in it. */
  factor(tensor: TensorInfo, own: (handle: Handle) => Handle): Handle {
    if (!this.halves) return this.native(tensor, own);
    const handle = this.raw(tensor, own);
    return this.torch.dtypeOf(handle) === dtypes.bfloat16
      ? handle
      : own(this.torch.cast(handle, dtypes.bfloat16));
  }

  #replace(data: TensorData, handle: Handle, shape: readonly number[]): void {
    this.torch.delete(data.native!.handle);
    data.native = { handle, shape };
  }

  /** Keeps a tensor in another order of memory from now on: `rearrange` returns a copy with the same shape and numbers. */
  rearrange(tensor: TensorInfo, rearrange: (handle: Handle) => Handle | undefined): void {
    const data = this.#peek(tensor.dataId);
    if (!data.native || !isSameShape(data.native.shape, tensor.shape)) return;
    const handle = rearrange(data.native.handle);
    if (handle !== undefined) this.#replace(data, handle, data.native.shape);
  }

  /** A tensor of tfjs of a result, whose handle becomes the backend's. */
  wrap(handle: Handle, shape: readonly number[], dtype: DataType = 'float32'): TensorInfo {
    const dataId = {};
    this.#register(dataId, { dtype, refCount: 1, native: { handle, shape: [...shape] } });
    return { dataId, shape: [...shape], dtype };
  }

  /** The same numbers under another shape. */
  alias(tensor: TensorInfo, shape: readonly number[]): TensorInfo {
    this.incRef(tensor.dataId);
    return { dataId: tensor.dataId, shape: [...shape], dtype: tensor.dtype };
  }

  /** Forgets the array of a tensor whose numbers in libtorch were overwritten. */
  overwritten(tensor: TensorInfo): void {
    delete this.#peek(tensor.dataId).values;
  }

  keepIndices(tensor: TensorInfo, indices: Handle): void {
    this.#peek(tensor.dataId).indices = indices;
  }

  indicesOf(tensor: TensorInfo): Handle | undefined {
    return this.data.has(tensor.dataId) ? this.#peek(tensor.dataId).indices : undefined;
  }

  /** Counts a kernel of tfjs-cpu that computed in place of a native one. */
  countFallback(kernelName: string): void {
    this.fallbacks.set(kernelName, (this.fallbacks.get(kernelName) ?? 0) + 1);
  }

  override refCount(dataId: DataId): number {
    return this.data.has(dataId) ? this.#peek(dataId).refCount : 0;
  }

  override incRef(dataId: DataId): void {
    this.#peek(dataId).refCount++;
  }

  override decRef(dataId: DataId): void {
    if (this.data.has(dataId)) this.#peek(dataId).refCount--;
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    const size = sizeFromShape(shape);
    if (values instanceof Float32Array && values.length !== size) {
      throw new UsageError(
        `Expected ${size} values for a tensor of shape [${shape.join(', ')}] but received ${values.length}.`,
      );
    }
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: DataId,
    values: BackendValues,
    _shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    this.#register(dataId, { values, dtype, refCount });
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.#peek(dataId);
    if (!force && data.refCount > 1) {
      data.refCount--;
      return false;
    }
    const { native, indices } = data;
    data.native = data.indices = undefined;
    const isGone = super.disposeData(dataId, force);
    this.#forgotten.unregister(data);
    if (native) this.torch.delete(native.handle);
    if (indices !== undefined) this.torch.delete(indices);
    return isGone;
  }
}
