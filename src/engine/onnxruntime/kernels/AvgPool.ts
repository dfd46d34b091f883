// Average pooling.
import { AvgPool, type KernelConfig } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { withCpuFallback } from './shared/kernel.js';
import { pooling } from './shared/pooling.js';

export const avgPoolConfig: KernelConfig = {
  kernelName: AvgPool,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(AvgPool, pooling({ tiled: 'ReduceMean', general: 'AveragePool' })),
};
