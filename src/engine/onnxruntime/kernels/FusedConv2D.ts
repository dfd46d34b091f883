// Convolution with bias and activation.
import { FusedConv2D, type KernelConfig } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { conv2d } from './shared/conv2d.js';
import { epilogueOf } from './shared/epilogue.js';
import { type NativeKernel, withCpuFallback } from './shared/kernel.js';

const fusedConv2d: NativeKernel = (call) => {
  const epilogue = epilogueOf(call);
  return epilogue && conv2d(call, epilogue);
};

export const fusedConv2dConfig: KernelConfig = {
  kernelName: FusedConv2D,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(FusedConv2D, fusedConv2d),
};
