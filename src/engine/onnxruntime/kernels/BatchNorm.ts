// Batch normalisation by the batch's own moments, as in training. tfjs has no such kernel: src/engine/batch-norm.ts calls it.
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { BACKEND_NAME, type OnnxRuntimeBackend } from '../backend.js';
import { batchFactors, deferNormalised } from './shared/batch-norm.js';

export const BatchNorm = 'BatchNorm';

/** The kernel's inputs: x, and `scale` and `offset` for each channel. */
interface Call {
  readonly backend: OnnxRuntimeBackend;
  readonly inputs: Readonly<Record<'x' | 'scale' | 'offset', TensorInfo>>;
  readonly attrs: { readonly epsilon: number };
}

/** The normalised tensor, and its factors. */
const batchNorm = ({ backend, inputs, attrs }: Call): TensorInfo[] => {
  const { x, scale, offset } = inputs;
  const factors = batchFactors(backend, x, scale, offset, attrs.epsilon);
  return [deferNormalised(backend, x, factors), factors];
};

export const batchNormConfig: KernelConfig = {
  kernelName: BatchNorm,
  backendName: BACKEND_NAME,
  kernelFunc: (call) => batchNorm(call as unknown as Call),
};
