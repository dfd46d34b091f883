// The hyperbolic tangent.
import { Tanh, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const tanhConfig: KernelConfig = unaryKernelConfig(Tanh, 'Tanh');
