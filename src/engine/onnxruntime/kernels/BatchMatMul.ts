// The products of two batches of matrices.
import { BatchMatMul, type KernelConfig } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { withCpuFallback } from './shared/kernel.js';
import { matMul } from './shared/matmul.js';

export const batchMatMulConfig: KernelConfig = {
  kernelName: BatchMatMul,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(BatchMatMul, (call) => matMul(call, undefined)),
};
