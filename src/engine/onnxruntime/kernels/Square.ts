// The square.
import { Square, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const squareConfig: KernelConfig = unaryKernelConfig(Square, (g, x) => g.node('Mul', [x, x]));
