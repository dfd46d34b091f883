// The sum of two tensors.
import { type KernelConfig, Add } from '@tensorflow/tfjs-core';
import { binaryKernelConfig } from './shared/binary.js';

export const addConfig: KernelConfig = binaryKernelConfig(Add, 'Add');
