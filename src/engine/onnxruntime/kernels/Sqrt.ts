// The square root.
import { Sqrt, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const sqrtConfig: KernelConfig = unaryKernelConfig(Sqrt, 'Sqrt');
