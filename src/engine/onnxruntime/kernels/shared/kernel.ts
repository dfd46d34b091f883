// What a native kernel is, and small checks that kernels share.
import { type NamedAttrMap, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../../backend.js';

/** The named inputs of a kernel; optional ones may be missing. */
export type Inputs = Readonly<Record<string, TensorInfo | undefined>>;

/** A kernel's attributes as tfjs passes them. */
export type Attributes = Readonly<NamedAttrMap>;

/** What a kernel computes with. */
export interface KernelCall {
  readonly backend: OnnxRuntimeBackend;
  readonly inputs: Inputs;
  readonly attrs: Attributes;
}

/** A kernel on ONNX Runtime; it returns nothing where the CPU kernel should do the work. */
export type NativeKernel = (call: KernelCall) => TensorInfo | undefined;

/** Limits that tests lower, to see the native kernels at work on small tensors. */
export const limits = {
  /** Below this many numbers a kernel in JavaScript is done before a session has started: it takes 25 ns a number, a session 10 µs. */
  small: 1024,
  /** From this many numbers on a matrix is read from memory, not from a cache. */
  large: 2 ** 22,
};

export const sizeOf = (tensor: TensorInfo): number => util.sizeFromShape(tensor.shape);

/** Whether all tensors are float32 and hold at least `least` numbers. */
export const areFloat = (tensors: readonly (TensorInfo | undefined)[], least = 1): boolean =>
  tensors.every((tensor) => tensor !== undefined && tensor.dtype === 'float32' && sizeOf(tensor) >= least);

/** Symbolic dimensions `x0, x1, …`: the graph takes any shape of that rank. */
export const free = (prefix: string, rank: number): string[] =>
  Array.from({ length: rank }, (_, i) => `${prefix}${i}`);
