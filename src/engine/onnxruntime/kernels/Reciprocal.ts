// The reciprocal.
import { Reciprocal, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const reciprocalConfig: KernelConfig = unaryKernelConfig(Reciprocal, 'Reciprocal');
