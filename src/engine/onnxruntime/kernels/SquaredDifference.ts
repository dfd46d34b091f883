// The square of the difference of two tensors.
import { type KernelConfig, SquaredDifference } from '@tensorflow/tfjs-core';
import { binaryKernelConfig } from './shared/binary.js';

export const squaredDifferenceConfig: KernelConfig = binaryKernelConfig(SquaredDifference, (g, a, b) => {
  const difference = g.node('Sub', [a, b]);
  return g.node('Mul', [difference, difference]);
});
