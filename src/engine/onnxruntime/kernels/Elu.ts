// The exponential linear unit.
import { Elu, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const eluConfig: KernelConfig = unaryKernelConfig(Elu, 'Elu');
