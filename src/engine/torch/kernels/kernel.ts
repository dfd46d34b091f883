// What the kernels on libtorch share: how they are called, and where tfjs-cpu takes over.
import '@tensorflow/tfjs-backend-cpu'; // Registers the kernels of tfjs-cpu.
import {
  type KernelConfig,
  type KernelFunc,
  type NamedAttrMap,
  type TensorInfo,
  getKernel,
} from '@tensorflow/tfjs-core';
import { BACKEND_NAME, TorchBackend } from '../backend.js';
import type { Handle, Torch } from '../call.js';

/** What a kernel computes with. */
export interface KernelCall {
  readonly backend: TorchBackend;
  readonly torch: Torch;
  /** By name; optional inputs may be missing. */
  readonly inputs: Readonly<Record<string, TensorInfo | undefined>>;
  readonly attrs: Readonly<NamedAttrMap>;
  /** Handles to delete when the kernel returns. */
  readonly own: (handle: Handle) => Handle;
}

/** A kernel on libtorch. It returns undefined for the calls that tfjs-cpu should compute. */
export type NativeKernel = (call: KernelCall) => TensorInfo | undefined;

/** The function of a tfjs kernel: `native`, or tfjs-cpu's kernel of the same name where it returns undefined. */
export const kernelFunc = (kernelName: string, native: NativeKernel): KernelFunc => {
  let cpu: KernelFunc | undefined;
  return (call) => {
    const { backend, inputs, attrs = {} } = call;
    if (!(backend instanceof TorchBackend)) throw new TypeError(`${kernelName} on another backend`);
    const { torch } = backend;
    const result = torch.scope((own) => native({ backend, torch, inputs, attrs, own }));
    if (result) return result;
    backend.countFallback(kernelName);
    cpu ??= getKernel(kernelName, 'cpu').kernelFunc;
    return cpu(call);
  };
};

export const config = (kernelName: string, native: NativeKernel): KernelConfig => ({
  kernelName,
  backendName: BACKEND_NAME,
  kernelFunc: kernelFunc(kernelName, native),
});

/** Whether all tensors are there and float32. */
export const areFloat = (...tensors: readonly (TensorInfo | undefined)[]): boolean =>
  tensors.every((tensor) => tensor?.dtype === 'float32');
