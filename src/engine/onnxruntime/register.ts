// Registers the backend `onnxruntime` with tfjs: its own kernels, and tfjs-cpu's for all others.
import { usableCores } from '../../cores.js';
import '@tensorflow/tfjs-backend-cpu';
import {
  engine,
  getKernelsForBackend,
  registerBackend,
  registerKernel,
  removeBackend,
} from '@tensorflow/tfjs-core';
import { BACKEND_NAME, OnnxRuntimeBackend } from './backend.js';
import { kernelConfigs } from './kernel-configs.js';
import { probe } from './probe.js';

let areKernelsRegistered = false;

const registerKernels = (): void => {
  if (areKernelsRegistered) return;
  areKernelsRegistered = true;
  const own = new Set(kernelConfigs.map(({ kernelName }) => kernelName));
  for (const config of kernelConfigs) registerKernel(config);
  for (const config of getKernelsForBackend('cpu'))
    if (!own.has(config.kernelName)) registerKernel({ ...config, backendName: BACKEND_NAME });
};

/**
 * Registers the backend, so that `tf.setBackend('onnxruntime')` finds it. ONNX Runtime is loaded when the backend is
 * first used. A second call with another number of threads replaces the backend; its tensors are gone then.
 *
 * @param threads threads that compute; default all cores
 */
export const registerOnnxRuntimeBackend = (threads = usableCores()): void => {
  registerKernels();
  if (engine().backendNames().includes(BACKEND_NAME)) removeBackend(BACKEND_NAME);
  // Below tfjs-node's priority of 3, above the CPU's 1.
  registerBackend(BACKEND_NAME, () => new OnnxRuntimeBackend(threads, probe().blockSize), 2);
};
