// Registers the backend `torch` with tfjs: its own kernels, and tfjs-cpu's for all others.
import '@tensorflow/tfjs-backend-cpu';
import {
  engine,
  getKernelsForBackend,
  registerBackend,
  registerKernel,
  removeBackend,
} from '@tensorflow/tfjs-core';
import { BACKEND_NAME, TorchBackend } from './backend.js';
import { CPU, Torch, type TorchDevice } from './call.js';
import { convolutionConfigs } from './kernels/convolution.js';
import { lrnConfigs } from './kernels/lrn.js';
import { pointwiseConfigs } from './kernels/pointwise.js';
import { poolingConfigs } from './kernels/pooling.js';
import { productConfigs } from './kernels/products.js';
import { reductionConfigs } from './kernels/reductions.js';
import { shapeConfigs } from './kernels/shape.js';
import { loadTorch } from './library.js';
import type { ComputePrecision } from '../options.js';

/** The kernels that libtorch computes. */
export const kernelConfigs = [
  ...convolutionConfigs,
  ...poolingConfigs,
  ...productConfigs,
  ...lrnConfigs,
  ...pointwiseConfigs,
  ...reductionConfigs,
  ...shapeConfigs,
];

let areKernelsRegistered = false;

const registerKernels = (): void => {
  if (areKernelsRegistered) return;
  areKernelsRegistered = true;
  const own = new Set(kernelConfigs.map(({ kernelName }) => kernelName));
  for (const config of kernelConfigs) registerKernel(config);
  for (const config of getKernelsForBackend('cpu')) {
    const { kernelName, kernelFunc } = config;
    if (own.has(kernelName)) continue;
    registerKernel({
      ...config,
      backendName: BACKEND_NAME,
      kernelFunc: (call) => {
        if (call.backend instanceof TorchBackend) call.backend.countFallback(kernelName);
        return kernelFunc(call);
      },
    });
  }
};

/**
 * Registers the backend, so that `tf.setBackend('torch')` finds it. A second call replaces the backend; its tensors are gone
 * then.
 *
 * @param threads threads that compute on the CPU; default libtorch's own choice
 * @param compute `bfloat16`: convolutions and products take and give bfloat16, and add up in float32; else the types are float32
 * @throws VerydeepError where libtorch is not found or cannot be used
 */
export const registerTorchBackend = (
  threads?: number,
  device: TorchDevice = CPU,
  compute: ComputePrecision = 'float32',
): void => {
  const torch = new Torch(loadTorch(), device);
  if (threads !== undefined) torch.setThreads(threads);
  registerKernels();
  if (engine().backendNames().includes(BACKEND_NAME)) removeBackend(BACKEND_NAME);
  registerBackend(BACKEND_NAME, () => new TorchBackend(torch, compute === 'bfloat16'), 1);
};
