// The negative.
import { Neg, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const negConfig: KernelConfig = unaryKernelConfig(Neg, 'Neg');
