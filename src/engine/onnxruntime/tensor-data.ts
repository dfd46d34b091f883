// What the backend keeps of a tensor: where its numbers are, how they will be computed, and what kernels noted about them.
import type { DataType, TensorInfo, backend_util } from '@tensorflow/tfjs-core';
import type { PooledBuffer } from './pool.js';

/** A tensor's data as tfjs-cpu keeps it, and what this backend adds. */
export interface TensorData {
  values?: backend_util.BackendValues;
  dtype: DataType;
  refCount: number;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  /** The pooled buffer that holds the numbers, if one does. */
  buffer?: PooledBuffer;
  /** The NHWC shape of numbers that are in `buffer` in NCHWc; there are no `values` then. */
  nchwcShape?: readonly number[] | undefined;
  /** How to compute numbers that have not been read yet. */
  deferred?: Deferred | undefined;
  /** What is known about the numbers, until they are overwritten. */
  facts?: Facts | undefined;
  /** A copy in the order that a kernel wants, until the numbers are overwritten. */
  prepacked?: Prepacked | undefined;
}

/** A copy of a tensor's numbers in another order; it has a buffer from the second use on. */
export interface Prepacked {
  readonly order: string;
  buffer?: PooledBuffer;
}

/** A tensor that is computed when it is read. A kernel that takes it first may compute what it wants in a faster way. */
export interface Deferred {
  /** The kernel that deferred it; other kernels look for it by this name. */
  readonly kind:
    'Step' | 'MaxPoolGrad' | 'Conv2D' | 'Conv2DBackpropInput' | 'BatchNorm' | 'Relu' | 'ReluGrad';
  /** Kept until it is computed or disposed. */
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  /** Computes it; `inNchwc`: the reader takes NCHWc too. */
  readonly compute: (inNchwc: boolean) => TensorInfo;
  /** Computes ReLU of it in the same pass. */
  readonly computeRelu?: () => TensorInfo;
}

/** What a kernel noted about a tensor's numbers. */
export interface Facts {
  /** The facts of the tensor of which this one is ReLU. */
  positivePartOf?: Facts;
  /** ReLU of this tensor; it may have been disposed since. */
  positivePart?: TensorInfo;
  /** Sums over all axes but the last. */
  columnSums?: Float64Array;
}
