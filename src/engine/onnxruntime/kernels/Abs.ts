// The absolute value.
import { Abs, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const absConfig: KernelConfig = unaryKernelConfig(Abs, 'Abs');
