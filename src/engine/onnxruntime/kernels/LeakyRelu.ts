// ReLU with a slope below zero.
import { LeakyRelu, type KernelConfig } from '@tensorflow/tfjs-core';
import { unaryKernelConfig } from './shared/unary.js';

export const leakyReluConfig: KernelConfig = unaryKernelConfig(LeakyRelu, (g, x, attrs) =>
  g.node('LeakyRelu', [x], { alpha: attrs['alpha'] as number }),
);
