// The reciprocal of the square root.
import { Rsqrt, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const rsqrtConfig: KernelConfig = unaryKernelConfig(Rsqrt, (g, x) =>
  g.node('Reciprocal', [g.node('Sqrt', [x])]),
);
