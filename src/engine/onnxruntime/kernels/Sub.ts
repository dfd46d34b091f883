// The difference of two tensors.
import { type KernelConfig, Sub } from '@tensorflow/tfjs-core';
import { binaryKernelConfig } from './shared/binary.js';

export const subConfig: KernelConfig = binaryKernelConfig(Sub, 'Sub');
