// The gradient of batch normalisation, together with those of ReLU and of max pooling that follow it.
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { BACKEND_NAME, type OnnxRuntimeBackend } from '../backend.js';
import { normalisedGradients } from './shared/batch-norm.js';

export const BatchNormGrad = 'BatchNormGrad';

/** The kernel's inputs: the gradient of the normalised tensor, x, and the factors that {@link BatchNorm} gave. */
interface Call {
  readonly backend: OnnxRuntimeBackend;
  readonly inputs: Readonly<Record<'dy' | 'x' | 'factors', TensorInfo>>;
}

export const batchNormGradConfig: KernelConfig = {
  kernelName: BatchNormGrad,
  backendName: BACKEND_NAME,
  kernelFunc: (call) => {
    const { backend, inputs } = call as unknown as Call;
    return normalisedGradients(backend, inputs.dy, inputs);
  },
};
