// The exponential function.
import { Exp, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const expConfig: KernelConfig = unaryKernelConfig(Exp, 'Exp');
