// The logistic function.
import { Sigmoid, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const sigmoidConfig: KernelConfig = unaryKernelConfig(Sigmoid, 'Sigmoid');
