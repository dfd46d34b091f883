// The natural logarithm.
import { Log, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const logConfig: KernelConfig = unaryKernelConfig(Log, 'Log');
