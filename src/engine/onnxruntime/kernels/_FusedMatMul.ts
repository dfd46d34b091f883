// The products of two batches of matrices, with bias and activation.
import { type KernelConfig, _FusedMatMul } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { epilogueOf } from './shared/epilogue.js';
import { type NativeKernel, withCpuFallback } from './shared/kernel.js';
import { matMul } from './shared/matmul.js';

const fusedMatMul: NativeKernel = (call) => {
  const epilogue = epilogueOf(call);
  return epilogue && matMul(call, epilogue);
};

export const _fusedMatMulConfig: KernelConfig = {
  kernelName: _FusedMatMul,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(_FusedMatMul, fusedMatMul),
};
