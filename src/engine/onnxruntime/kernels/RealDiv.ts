// The quotient of two tensors.
import { type KernelConfig, RealDiv } from '@tensorflow/tfjs-core';
import { binaryKernelConfig } from './shared/binary.js';

export const realDivConfig: KernelConfig = binaryKernelConfig(RealDiv, 'Div');
