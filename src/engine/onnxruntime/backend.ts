// The tfjs backend `onnxruntime`: tfjs-cpu's storage, with float tensors in pooled buffers that ONNX Runtime works on.
import { type DataId, type DataType, type TensorInfo, type backend_util, util } from '@tensorflow/tfjs-core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { UsageError } from '../../errors.js';
import { Value } from '../ort.js';
import type { GraphBuilder } from '../onnx.js';
import { isSameShape, sizeFromShape } from '../../shape.js';
import { blocksToRows, rowsToBlocks } from './nchwc.js';
import { Helper } from './threads/worker.js';
import { type Block, Pool, type PoolStatistics } from './pool.js';
import type { Crew } from './loops/parallel.js';
import { Sessions } from './sessions.js';

/** The name under which the backend is registered. */
export const BACKEND_NAME = 'onnxruntime';

type BackendValues = backend_util.BackendValues;

/** A tensor's data as tfjs-cpu keeps it, and the block of the pool that it lies in, if it does. */
interface Entry {
  values?: BackendValues;
  dtype: DataType;
  refCount: number;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  block?: Block;
  /** The shape in whose blocked layout the numbers lie in `block`; there are no `values` then. */
  blocked?: readonly number[] | undefined;
  /** How to compute what nobody has asked for yet. */
  deferred?: Deferred | undefined;
  /** Known facts about the numbers; gone when they are overwritten. */
  facts?: Facts | undefined;
  /** The numbers in another order too; gone likewise. */
  arranged?: Arranged | undefined;
}

/** The numbers of a tensor in an order that a kernel wants, and the block they lie in, once there is one. */
interface Arranged {
  readonly order: string;
  block?: Block;
}

/** A tensor that is computed when somebody reads it: a kernel that comes before may know a quicker way to what it wants. */
export interface Deferred {
  /** Which kernel put it off; others look for it by this name. */
  readonly kind: 'Step' | 'MaxPoolGrad' | 'Conv2D' | 'Conv2DBackpropInput';
  /** Stay until it is computed or disposed. */
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  /** Computes it; `inBlocks`: whoever asks takes it in the blocked layout too. */
  readonly compute: (inBlocks: boolean) => TensorInfo;
  /** Computes ReLU of it for the price of itself. */
  readonly computeRelu?: () => TensorInfo;
}

/** What a kernel noted about a tensor's numbers. */
export interface Facts {
  /** The facts of another tensor: these numbers are its positive ones, with zero for the others. */
  positivePartOf?: Facts;
  /** The tensor that is these numbers' positive part; it may be gone since. */
  positivePart?: TensorInfo;
  /** Sums over all axes but the last. */
  columnSums?: Float64Array;
}

/** What the processor and the library offer; see probe.ts. */
export interface Capabilities {
  /** Channels of a block of the blocked layout (16 with AVX-512, 8 with AVX2); 0 where there is no such layout. */
  readonly blockSize: number;
}

const isFloat32 = (values: unknown): values is Float32Array => values instanceof Float32Array;

/**
 * A tensor lies in one place: a typed array. tfjs's CPU kernels read it, ONNX Runtime reads and writes the same bytes. What a
 * convolution leaves in the blocked layout (layout.ts) stays so until somebody reads it in rows, who then finds it in rows.
 * Arrays of the pool are used again as soon as their tensor is disposed, so none of them is ever given away: whatever
 * would alias one (a CPU kernel's view, a read by the user) gets a copy.
 */
export class OnnxRuntimeBackend extends MathBackendCPU {
  readonly pool = new Pool();
  readonly sessions: Sessions;
  /** The threads beside this one that take part in loops and convolutions, with graphs of a single thread. */
  readonly crew: Crew;

  constructor(
    readonly threads: number,
    readonly capabilities: Capabilities,
  ) {
    super();
    this.sessions = new Sessions(threads);
    const turns = new Int32Array(new SharedArrayBuffer(4));
    const helpers = Array.from({ length: threads - 1 }, () => new Helper(turns));
    this.crew = { helpers, turns, sessions: new Sessions(1) };
    // tfjs's CPU kernels read tensors through this: they see no deferred ones, and all in rows.
    const get = this.data.get.bind(this.data);
    this.#peek = get;
    this.data.get = (dataId) => {
      const entry: Entry = get(dataId);
      if (entry.deferred) this.#settle(entry, false);
      if (entry.blocked) this.#bringIntoRows(entry);
      return entry;
    };
  }

  /** An entry as it is, deferred or not, in whatever layout. */
  readonly #peek: (dataId: DataId) => Entry;

  #entry(dataId: DataId): Entry {
    return this.data.get(dataId);
  }

  /** Computes a deferred tensor. */
  #settle(entry: Entry, inBlocks: boolean): void {
    const { inputs, compute } = entry.deferred!;
    const { dataId } = compute(inBlocks);
    const { values, block, blocked, facts } = this.#peek(dataId);
    this.data.delete(dataId);
    if (values) entry.values = values;
    if (block) entry.block = block;
    entry.blocked = blocked;
    entry.deferred = undefined;
    // Others may refer to the facts that are there.
    if (facts) entry.facts = Object.assign(entry.facts ?? {}, facts);
    for (const input of Object.values(inputs)) this.disposeData(input.dataId);
  }

  #bringIntoRows(entry: Entry): void {
    const { block, blocked } = entry;
    const length = sizeFromShape(blocked!);
    const rows = this.pool.acquire(length);
    blocksToRows(this, block!, rows, blocked!);
    this.pool.recycle(block!);
    Object.assign(entry, { block: rows, values: rows.view(length), blocked: undefined });
  }

  /** A float32 tensor whose numbers are computed when they are read. */
  defer(shape: readonly number[], deferred: Deferred): TensorInfo {
    for (const input of Object.values(deferred.inputs)) this.incRef(input.dataId);
    const dataId = {};
    const entry: Entry = { dtype: 'float32', refCount: 1, deferred };
    this.data.set(dataId, entry);
    return { dataId, shape: [...shape], dtype: 'float32' };
  }

  /** How a tensor is to be computed, if `kind` put it off and it has not been read. */
  deferred(tensor: TensorInfo, kind: Deferred['kind']): Deferred | undefined {
    const { deferred } = this.#peek(tensor.dataId);
    return deferred?.kind === kind ? deferred : undefined;
  }

  /**
   * Where a tensor lies in the blocked layout of its own shape, if it does or can be computed so; nothing if it lies in rows.
   */
  blocksOf(tensor: TensorInfo): Block | undefined {
    const entry = this.#peek(tensor.dataId);
    if (entry.deferred) this.#settle(entry, true);
    // A view of another shape shares the numbers, not the layout.
    if (entry.blocked && !isSameShape(entry.blocked, tensor.shape)) this.#bringIntoRows(entry);
    return entry.blocked && entry.block;
  }

  /** As {@link blocksOf}, after bringing the tensor into blocks if it lies in rows. Channels must be whole blocks. */
  intoBlocks(tensor: TensorInfo): Block {
    const found = this.blocksOf(tensor);
    if (found) return found;
    const source = this.native(tensor);
    const entry = this.#peek(tensor.dataId);
    const blocks = this.pool.acquire(source.data.length);
    rowsToBlocks(this, source, blocks, tensor.shape);
    this.pool.recycle(entry.block!);
    Object.assign(entry, { block: blocks, values: undefined, blocked: [...tensor.shape] });
    return blocks;
  }

  /** The thread that takes half of loops over large tensors. */
  get helper(): Helper | undefined {
    return this.crew.helpers[0];
  }

  /** What is known about a tensor's numbers; kernels add to it. */
  facts(tensor: TensorInfo): Facts {
    return (this.#peek(tensor.dataId).facts ??= {});
  }

  /** To be called before a tensor's numbers are overwritten. */
  forget(tensor: TensorInfo): void {
    const entry = this.#peek(tensor.dataId);
    entry.facts = undefined;
    this.#dropArranged(entry);
  }

  #dropArranged(entry: Entry): void {
    if (entry.arranged?.block) this.pool.recycle(entry.arranged.block);
    entry.arranged = undefined;
  }

  /**
   * A tensor's numbers in another order, such as a filter in blocks, kept until they are overwritten. Nothing at the first time: a training
   * step wants them once and overwrites them, a net that only computes wants them again and again.
   *
   * @param order what tells this order from others
   * @param length how many numbers there are then
   * @param make writes the numbers
   */
  arranged(
    tensor: TensorInfo,
    order: string,
    length: number,
    make: (target: Block) => void,
  ): Block | undefined {
    const entry = this.#peek(tensor.dataId);
    if (entry.arranged?.order !== order) {
      this.#dropArranged(entry);
      entry.arranged = { order };
      return undefined;
    }
    if (!entry.arranged.block) {
      const block = this.pool.acquire(length);
      make(block);
      entry.arranged.block = block;
    }
    return entry.arranged.block;
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

  #safe<V extends BackendValues | undefined>(values: V): V {
    return isFloat32(values) && this.pool.owns(values) ? (values.slice() as V) : values;
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    if (isFloat32(values) && values.length !== util.sizeFromShape(shape)) {
      throw new UsageError(
        `Expected ${util.sizeFromShape(shape)} values for a tensor of shape [${shape.join(', ')}] but received ${values.length}.`,
      );
    }
    const dataId = {};
    const entry: Entry = { values: this.#safe(values), dtype, refCount: 1 };
    this.data.set(dataId, entry);
    return dataId;
  }

  override move(
    dataId: DataId,
    values: BackendValues,
    _shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    const entry: Entry = { values: this.#safe(values), dtype, refCount };
    this.data.set(dataId, entry);
  }

  override readSync(dataId: DataId): BackendValues {
    return this.#safe(super.readSync(dataId));
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const entry = this.#peek(dataId);
    const { block, deferred } = entry;
    if (!force && entry.refCount > 1) {
      entry.refCount--;
      return false;
    }
    entry.deferred = entry.blocked = undefined;
    this.#dropArranged(entry);
    const gone = super.disposeData(dataId, force);
    if (gone && block) this.pool.recycle(block);
    if (deferred) for (const input of Object.values(deferred.inputs)) this.disposeData(input.dataId);
    return gone;
  }

  /** The array of a float32 tensor, as it lies. Not to be kept. */
  values(tensor: TensorInfo): Float32Array {
    const { values } = this.#entry(tensor.dataId);
    if (isFloat32(values)) return values;
    this.adopt(tensor);
    return this.values(tensor);
  }

  /** A tensor whose numbers a kernel is about to write: any content, in a block of the pool. */
  output(shape: readonly number[]): TensorInfo {
    const length = sizeFromShape(shape);
    const block = this.pool.acquire(length);
    const dataId = {};
    const entry: Entry = { values: block.view(length), dtype: 'float32', refCount: 1, block };
    this.data.set(dataId, entry);
    return { dataId, shape: [...shape], dtype: 'float32' };
  }

  /** As {@link output}, in the blocked layout. */
  outputInBlocks(shape: readonly number[]): TensorInfo {
    const block = this.pool.acquire(sizeFromShape(shape));
    const dataId = {};
    const entry: Entry = { dtype: 'float32', refCount: 1, block, blocked: [...shape] };
    this.data.set(dataId, entry);
    return { dataId, shape: [...shape], dtype: 'float32' };
  }

  /** Moves a tensor's numbers into the pool, if they are not there. */
  adopt(tensor: TensorInfo): void {
    const entry = this.#entry(tensor.dataId);
    if (entry.block) return;
    const values = entry.values as Float32Array;
    const block = this.pool.acquire(values.length);
    block.memory.set(values);
    entry.block = block;
    entry.values = block.view(values.length);
  }

  /**
   * Computes one graph: the session of `key` (written by `build` at first use) on whole tensors.
   *
   * @param inputs tensors and the shapes that the graph sees them in (`[tensor]` keeps its own), or native tensors
   * @param outputs tensors made by `output`, likewise; they are overwritten
   */
  compute(
    key: string,
    build: (graph: GraphBuilder) => void,
    inputs: readonly Operand[],
    outputs: readonly Operand[],
  ): void {
    const passing: Value[] = [];
    const convert = (operand: Operand): Value => {
      if (operand instanceof Value) return operand;
      const [tensor, dims = tensor.shape] = operand;
      const { block, values } = this.#entry(tensor.dataId);
      // Some CPU kernels leave a float tensor's numbers in an array of integers.
      if (block || !isFloat32(values)) return this.native(tensor, dims);
      const value = new Value(values, 'float32', dims);
      passing.push(value);
      return value;
    };
    try {
      this.run(key, build, inputs.map(convert), outputs.map(convert));
    } finally {
      for (const value of passing) value.release();
    }
  }

  /** A tensor as a native one that belongs to the pool; a tensor from outside is moved there. */
  native(tensor: TensorInfo, dims: readonly number[] = tensor.shape): Value {
    this.adopt(tensor);
    return this.block(tensor).value(dims);
  }

  /** Computes one graph on native tensors: pieces of blocks, in shapes of their own. */
  run(
    key: string,
    build: (graph: GraphBuilder) => void,
    inputs: readonly Value[],
    outputs: readonly Value[],
  ): void {
    this.sessions.get(key, build).run(inputs, outputs);
  }

  /** The block that a tensor made by `output` or moved by `adopt` lies in. */
  block(tensor: TensorInfo): Block {
    return this.#entry(tensor.dataId).block!;
  }

  /** A block of the pool for the time of `use`. */
  withScratch<T>(length: number, use: (block: Block) => T): T {
    const block = this.pool.acquire(length);
    try {
      return use(block);
    } finally {
      this.pool.recycle(block);
    }
  }

  /** Figures of the buffers and compiled graphs. */
  get statistics(): PoolStatistics & { readonly sessions: number } {
    return { ...this.pool.statistics, sessions: this.sessions.size };
  }

  override dispose(): void {
    this.sessions.close();
    this.pool.clear();
    for (const helper of this.crew.helpers) helper.close();
    this.crew.sessions.close();
  }
}

/** A tensor as a graph's input or output, and the shape in which the graph sees it; or a native tensor. */
export type Operand = readonly [tensor: TensorInfo, dims?: readonly number[] | undefined] | Value;
