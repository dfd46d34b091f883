// Registers the backend `onnxruntime` with tfjs: its own kernels, and the CPU kernels for all else.
import '@tensorflow/tfjs-backend-cpu';
import {
  type KernelFunc,
  engine,
  getKernelsForBackend,
  registerBackend,
  registerKernel,
  removeBackend,
} from '@tensorflow/tfjs-core';
import { availableParallelism } from 'node:os';
import { BACKEND_NAME, OnnxRuntimeBackend } from './backend.js';
import type { NativeKernel } from './kernels/shared/kernel.js';
import { convolutionKernels } from './convolution/forward.js';
import { elementwiseKernels } from './kernels/shared/elementwise.js';
import { filterGradientKernels } from './kernels/Conv2DBackpropFilter.js';
import { inputGradientKernels } from './kernels/Conv2DBackpropInput.js';
import { matmulKernels } from './kernels/shared/matmul.js';
import { normalizationKernels } from './kernels/shared/local-response.js';
import { poolingKernels } from './kernels/shared/pooling.js';
import { reductionKernels } from './kernels/shared/reduction.js';
import { shapeKernels } from './kernels/Concat.js';
import { transposeKernels } from './kernels/Transpose.js';
import { probe } from './probe.js';

/** The kernels that ONNX Runtime computes, by tfjs's names. */
export const nativeKernels: Readonly<Record<string, NativeKernel>> = {
  ...convolutionKernels,
  ...elementwiseKernels,
  ...filterGradientKernels,
  ...inputGradientKernels,
  ...matmulKernels,
  ...normalizationKernels,
  ...poolingKernels,
  ...reductionKernels,
  ...shapeKernels,
  ...transposeKernels,
};

/** A kernel that tries the native way and else the CPU's. */
const withFallback =
  (native: NativeKernel, cpu: KernelFunc): KernelFunc =>
  (call) => {
    const { backend, inputs, attrs = {} } = call;
    const result =
      backend instanceof OnnxRuntimeBackend ? native({ backend, inputs: inputs, attrs }) : undefined;
    return result ?? cpu(call);
  };

let areKernelsRegistered = false;

const registerKernels = (): void => {
  if (areKernelsRegistered) return;
  areKernelsRegistered = true;
  for (const config of getKernelsForBackend('cpu')) {
    const native = nativeKernels[config.kernelName];
    const kernelFunc = native ? withFallback(native, config.kernelFunc) : config.kernelFunc;
    registerKernel({ ...config, backendName: BACKEND_NAME, kernelFunc });
  }
};

/**
 * Registers the backend, so that `tf.setBackend('onnxruntime')` finds it. ONNX Runtime is loaded when the backend is
 * first used. A second call with another number of threads replaces the backend; its tensors are gone then.
 *
 * @param threads threads that compute; default all cores
 */
export const registerOnnxRuntimeBackend = (threads = availableParallelism()): void => {
  registerKernels();
  if (engine().backendNames().includes(BACKEND_NAME)) removeBackend(BACKEND_NAME);
  // Below tfjs-node's priority of 3, above the CPU's 1.
  registerBackend(BACKEND_NAME, () => new OnnxRuntimeBackend(threads, probe()), 2);
};
