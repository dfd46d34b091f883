// ReLU limited to 6.
import { Relu6, type KernelConfig } from '@tensorflow/tfjs-core';
import { clip, unaryKernelConfig } from './shared/unary.js';

export const relu6Config: KernelConfig = unaryKernelConfig(Relu6, (g, x) => clip(g, x, 0, 6));
