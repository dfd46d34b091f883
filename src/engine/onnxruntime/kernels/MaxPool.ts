// Max pooling.
import { type KernelConfig, MaxPool } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { withCpuFallback } from './shared/kernel.js';
import { pooling } from './shared/pooling.js';

export const maxPoolConfig: KernelConfig = {
  kernelName: MaxPool,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(MaxPool, pooling({ tiled: 'ReduceMax', general: 'MaxPool' })),
};
