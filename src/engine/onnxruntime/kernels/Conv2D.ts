// Convolution.
import { Conv2D, type KernelConfig } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { conv2d } from './shared/conv2d.js';
import { withCpuFallback } from './shared/kernel.js';

export const conv2dConfig: KernelConfig = {
  kernelName: Conv2D,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Conv2D, (call) => conv2d(call, undefined)),
};
