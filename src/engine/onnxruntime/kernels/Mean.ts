// The mean over some axes.
import { type KernelConfig, Mean } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { withCpuFallback } from './shared/kernel.js';
import { reduction } from './shared/reduction.js';

export const meanConfig: KernelConfig = {
  kernelName: Mean,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Mean, reduction('ReduceMean')),
};
