// Values limited to a range.
import { ClipByValue, type KernelConfig } from '@tensorflow/tfjs-core';
import { clip, unaryKernelConfig } from './shared/unary.js';

export const clipByValueConfig: KernelConfig = unaryKernelConfig(ClipByValue, (g, x, attrs) =>
  clip(g, x, attrs['clipValueMin'] as number, attrs['clipValueMax'] as number),
);
