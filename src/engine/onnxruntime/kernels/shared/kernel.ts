// What tfjs kernels on ONNX Runtime share: how they are called, where tfjs-cpu takes over, and small checks.
import '@tensorflow/tfjs-backend-cpu'; // Registers the kernels of tfjs-cpu.
import { type KernelFunc, type NamedAttrMap, type TensorInfo, getKernel } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../../shape.js';
import { OnnxRuntimeBackend } from '../../backend.js';

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

/** A kernel on ONNX Runtime. It returns undefined for the calls that tfjs-cpu should compute. */
export type NativeKernel = (call: KernelCall) => TensorInfo | undefined;

/** The function of a tfjs kernel: `native`, or tfjs-cpu's kernel of the same name where `native` returns undefined. */
export const withCpuFallback = (kernelName: string, native: NativeKernel): KernelFunc => {
  let cpu: KernelFunc | undefined;
  return (call) => {
    const { backend, inputs, attrs = {} } = call;
    const result = backend instanceof OnnxRuntimeBackend ? native({ backend, inputs, attrs }) : undefined;
    if (result) return result;
    cpu ??= getKernel(kernelName, 'cpu').kernelFunc;
    return cpu(call);
  };
};

/** Limits that tests lower, so that the native kernels compute small tensors too. */
export const limits = {
  /** Tensors of fewer elements are computed by tfjs-cpu: it takes 25 ns an element, the start of a session 10 µs. */
  small: 1024,
  /** Matrices of at least this many elements are read from memory, not from a cache. */
  large: 2 ** 22,
};

/** Whether all tensors are float32 and have at least `least` elements. */
export const areFloat = (tensors: readonly (TensorInfo | undefined)[], least = 1): boolean =>
  tensors.every(
    (tensor) => tensor !== undefined && tensor.dtype === 'float32' && sizeFromShape(tensor.shape) >= least,
  );
