// The tfjs backend `onnxruntime`: tfjs-cpu's storage, with float32 tensors in pooled buffers that ONNX Runtime reads and writes.
import type { DataId, DataType, TensorInfo, backend_util } from '@tensorflow/tfjs-core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { UsageError } from '../../errors.js';
import { Value } from '../ort.js';
import type { GraphBuilder } from '../onnx.js';
import { isSameShape, sizeFromShape } from '../../shape.js';
import { nchwcToNhwc, nhwcToNchwc } from './nchwc.js';
import { Pool, type PoolStatistics, type PooledBuffer } from './pool.js';
import { Sessions } from './sessions.js';
import type { Deferred, Facts, TensorData } from './tensor-data.js';
import type { ThreadTeam } from './threads/team.js';
import { ComputeWorker } from './threads/worker.js';

/** The name under which the backend is registered. */
export const BACKEND_NAME = 'onnxruntime';

type BackendValues = backend_util.BackendValues;

const isFloat32 = (values: unknown): values is Float32Array => values instanceof Float32Array;

/** A tensor as a graph's input or output, and the shape in which the graph sees it; or a native tensor. */
type Operand = readonly [tensor: TensorInfo, dims?: readonly number[] | undefined] | Value;

/**
 * A tensor's numbers are in one place, a typed array: tfjs-cpu's kernels read it, ONNX Runtime reads and writes the same
 * bytes. A convolution leaves its output in NCHWc (nchwc.ts), where it stays until it is read in NHWC, and is then kept in
 * NHWC. Arrays of the pool are used again as soon as their tensor is disposed, so whatever would alias one (a view by a CPU
 * kernel, a read by the user) gets a copy.
 */
export class OnnxRuntimeBackend extends MathBackendCPU {
  readonly pool = new Pool();
  readonly sessions: Sessions;
  /** This thread and its workers, with graphs of a single thread, for loops and Winograd convolutions. */
  readonly team: ThreadTeam;

  /**
   * @param threads threads that compute
   * @param nchwcBlock channels of an NCHWc block: 16 with AVX-512, 8 with AVX2; 0 where there is no such layout (see probe.ts)
   */
  constructor(
    readonly threads: number,
    readonly nchwcBlock: number,
  ) {
    super();
    this.sessions = new Sessions(threads);
    const nextUnit = new Int32Array(new SharedArrayBuffer(4));
    const workers = Array.from({ length: threads - 1 }, () => new ComputeWorker(nextUnit));
    this.team = { workers, nextUnit, sessions: new Sessions(1) };
    // tfjs-cpu's kernels read tensors through this: computed, and in NHWC.
    const get = this.data.get.bind(this.data);
    this.#peek = get;
    this.data.get = (dataId) => {
      const data: TensorData = get(dataId);
      if (data.deferred) this.#computeDeferred(data, false);
      if (data.nchwcShape) this.#toNhwc(data);
      return data;
    };
  }

  /** A tensor's data as they are: deferred or not, in either layout. */
  readonly #peek: (dataId: DataId) => TensorData;

  /** Computes a deferred tensor. */
  #computeDeferred(data: TensorData, inNchwc: boolean): void {
    const { inputs, compute } = data.deferred!;
    const { dataId } = compute(inNchwc);
    const { values, buffer, nchwcShape, facts } = this.#peek(dataId);
    this.data.delete(dataId);
    if (values) data.values = values;
    if (buffer) data.buffer = buffer;
    data.nchwcShape = nchwcShape;
    data.deferred = undefined;
    // Other tensors' facts may refer to these.
    if (facts) data.facts = Object.assign(data.facts ?? {}, facts);
    for (const input of Object.values(inputs)) this.disposeData(input.dataId);
  }

  #toNhwc(data: TensorData): void {
    const { buffer, nchwcShape } = data;
    const length = sizeFromShape(nchwcShape!);
    const target = this.pool.acquire(length);
    nchwcToNhwc(this.sessions, buffer!, target, nchwcShape!);
    this.pool.recycle(buffer!);
    Object.assign(data, { buffer: target, values: target.view(length), nchwcShape: undefined });
  }

  /** A float32 tensor whose numbers are computed when they are read. */
  defer(shape: readonly number[], deferred: Deferred): TensorInfo {
    for (const input of Object.values(deferred.inputs)) this.incRef(input.dataId);
    return this.#register(shape, { dtype: 'float32', refCount: 1, deferred });
  }

  #register(shape: readonly number[], data: TensorData): TensorInfo {
    const dataId = {};
    this.data.set(dataId, data);
    return { dataId, shape: [...shape], dtype: 'float32' };
  }

  /** How a tensor will be computed, if the kernel `kind` deferred it and it has not been read. */
  deferred(tensor: TensorInfo, kind: Deferred['kind']): Deferred | undefined {
    const { deferred } = this.#peek(tensor.dataId);
    return deferred?.kind === kind ? deferred : undefined;
  }

  /** The buffer of a tensor that is in NCHWc, or can be computed in it; undefined for one in NHWC. */
  nchwcOf(tensor: TensorInfo): PooledBuffer | undefined {
    const data = this.#peek(tensor.dataId);
    if (data.deferred) this.#computeDeferred(data, true);
    // A view of another shape shares the numbers, not their order.
    if (data.nchwcShape && !isSameShape(data.nchwcShape, tensor.shape)) this.#toNhwc(data);
    return data.nchwcShape && data.buffer;
  }

  /** As {@link nchwcOf}, after bringing a tensor in NHWC to NCHWc. Its channels must be whole blocks. */
  toNchwc(tensor: TensorInfo): PooledBuffer {
    const found = this.nchwcOf(tensor);
    if (found) return found;
    const source = this.native(tensor);
    const data = this.#peek(tensor.dataId);
    const target = this.pool.acquire(source.data.length);
    nhwcToNchwc(this.sessions, source, target, tensor.shape);
    this.pool.recycle(data.buffer!);
    Object.assign(data, { buffer: target, values: undefined, nchwcShape: [...tensor.shape] });
    return target;
  }

  /** The worker that takes half of loops over large tensors; none with a single thread. */
  get worker(): ComputeWorker | undefined {
    return this.team.workers[0];
  }

  /** What is known about a tensor's numbers; kernels add to it. */
  facts(tensor: TensorInfo): Facts {
    return (this.#peek(tensor.dataId).facts ??= {});
  }

  /** Forgets what is known about a tensor, and its prepacked copy. To be called before its numbers are overwritten. */
  invalidate(tensor: TensorInfo): void {
    const data = this.#peek(tensor.dataId);
    data.facts = undefined;
    this.#dropPrepacked(data);
  }

  #dropPrepacked(data: TensorData): void {
    if (data.prepacked?.buffer) this.pool.recycle(data.prepacked.buffer);
    data.prepacked = undefined;
  }

  /**
   * A copy of a tensor in another order, such as a filter in NCHWc, kept until the tensor is overwritten. Undefined at the
   * first use: a training step uses a filter once and overwrites it, a net that only computes uses it again and again.
   *
   * @param order tells this order from others
   * @param length elements of the copy
   * @param write writes the copy
   */
  prepacked(
    tensor: TensorInfo,
    order: string,
    length: number,
    write: (target: PooledBuffer) => void,
  ): PooledBuffer | undefined {
    const data = this.#peek(tensor.dataId);
    if (data.prepacked?.order !== order) {
      this.#dropPrepacked(data);
      data.prepacked = { order };
      return undefined;
    }
    if (!data.prepacked.buffer) {
      const buffer = this.pool.acquire(length);
      write(buffer);
      data.prepacked.buffer = buffer;
    }
    return data.prepacked.buffer;
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

  /** Values that may be handed out: a copy of what is in the pool. */
  #unpooled<V extends BackendValues | undefined>(values: V): V {
    return isFloat32(values) && this.pool.owns(values) ? (values.slice() as V) : values;
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    const size = sizeFromShape(shape);
    if (isFloat32(values) && values.length !== size) {
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
    const data: TensorData = { values: this.#unpooled(values), dtype, refCount };
    this.data.set(dataId, data);
  }

  override readSync(dataId: DataId): BackendValues {
    return this.#unpooled(super.readSync(dataId));
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.#peek(dataId);
    const { buffer, deferred } = data;
    if (!force && data.refCount > 1) {
      data.refCount--;
      return false;
    }
    data.deferred = data.nchwcShape = undefined;
    this.#dropPrepacked(data);
    const isGone = super.disposeData(dataId, force);
    if (isGone && buffer) this.pool.recycle(buffer);
    if (deferred) for (const input of Object.values(deferred.inputs)) this.disposeData(input.dataId);
    return isGone;
  }

  /** The array of a float32 tensor, in NHWC, where it is in memory. Not to be kept. */
  values(tensor: TensorInfo): Float32Array {
    const { values } = this.data.get(tensor.dataId) as TensorData;
    if (isFloat32(values)) return values;
    this.moveToPool(tensor);
    return this.values(tensor);
  }

  /** A tensor whose numbers a kernel is about to write, in a pooled buffer with any content. */
  output(shape: readonly number[]): TensorInfo {
    const length = sizeFromShape(shape);
    const buffer = this.pool.acquire(length);
    return this.#register(shape, { values: buffer.view(length), dtype: 'float32', refCount: 1, buffer });
  }

  /** As {@link output}, in NCHWc. */
  outputNchwc(shape: readonly number[]): TensorInfo {
    const buffer = this.pool.acquire(sizeFromShape(shape));
    return this.#register(shape, { dtype: 'float32', refCount: 1, buffer, nchwcShape: [...shape] });
  }

  /** Moves a tensor's numbers to a pooled buffer, if they are not in one. */
  moveToPool(tensor: TensorInfo): void {
    const data: TensorData = this.data.get(tensor.dataId);
    if (data.buffer) return;
    const values = data.values as Float32Array;
    const buffer = this.pool.acquire(values.length);
    buffer.memory.set(values);
    data.buffer = buffer;
    data.values = buffer.view(values.length);
  }

  /**
   * Computes one graph: the session of `key` (written by `build` at first use) on whole tensors.
   *
   * @param inputs tensors and the shapes in which the graph sees them (`[tensor]`: its own), or native tensors
   * @param outputs tensors made by `output`, likewise; they are overwritten
   */
  compute(
    key: string,
    build: (graph: GraphBuilder) => void,
    inputs: readonly Operand[],
    outputs: readonly Operand[],
  ): void {
    const temporary: Value[] = [];
    const convert = (operand: Operand): Value => {
      if (operand instanceof Value) return operand;
      const [tensor, dims = tensor.shape] = operand;
      const { buffer, values }: TensorData = this.data.get(tensor.dataId);
      // Some kernels of tfjs-cpu leave a float32 tensor's numbers in an array of integers.
      if (buffer || !isFloat32(values)) return this.native(tensor, dims);
      const value = new Value(values, 'float32', dims);
      temporary.push(value);
      return value;
    };
    try {
      this.run(key, build, inputs.map(convert), outputs.map(convert));
    } finally {
      for (const value of temporary) value.release();
    }
  }

  /** A tensor, in NHWC, as a native one that belongs to its pooled buffer. */
  native(tensor: TensorInfo, dims: readonly number[] = tensor.shape): Value {
    this.moveToPool(tensor);
    return this.buffer(tensor).value(dims);
  }

  /** Computes one graph on native tensors, such as views of buffers in other shapes. */
  run(
    key: string,
    build: (graph: GraphBuilder) => void,
    inputs: readonly Value[],
    outputs: readonly Value[],
  ): void {
    this.sessions.run(key, build, inputs, outputs);
  }

  /** The buffer of a tensor made by `output` or moved by `moveToPool`. */
  buffer(tensor: TensorInfo): PooledBuffer {
    return (this.data.get(tensor.dataId) as TensorData).buffer!;
  }

  /** A pooled buffer for the time of `use`. */
  withWorkspace<T>(length: number, use: (buffer: PooledBuffer) => T): T {
    const buffer = this.pool.acquire(length);
    try {
      return use(buffer);
    } finally {
      this.pool.recycle(buffer);
    }
  }

  /** Figures of the buffers and compiled graphs. */
  get statistics(): PoolStatistics & { readonly sessions: number } {
    return { ...this.pool.statistics, sessions: this.sessions.size };
  }

  override dispose(): void {
    this.sessions.close();
    this.pool.clear();
    for (const worker of this.team.workers) worker.close();
    this.team.sessions.close();
  }
}
