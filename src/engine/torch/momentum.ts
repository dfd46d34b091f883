// One step of stochastic gradient descent with momentum, in place, by PyTorch's fused operator.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { MomentumStep } from '../onnxruntime/momentum.js';
import type { TorchBackend } from './backend.js';
import { type Handle, bool, float, none, tensors } from './call.js';

/**
 * velocity = momentum * velocity - learningRate * (gradient + decay * weight); weight = weight + velocity. Both are
 * overwritten.
 *
 * @param weight a float32 tensor whose data nothing else shares
 * @param velocity likewise, of the same size
 * @param step its momentum is above 0
 */
export const momentumStep = (
  backend: TorchBackend,
  weight: TensorInfo,
  velocity: TensorInfo,
  gradient: TensorInfo,
  { learningRate, momentum, decay }: MomentumStep,
): void => {
  const { torch } = backend;
  torch.scope((own) => {
    const w = backend.native(weight, own);
    const strides = torch.stridesOf(w, weight.shape.length);
    // The operator walks over the memory of all three alike, and is wrong where their strides differ.
    const inOrder = (handle: Handle): Handle | undefined => torch.inOrder(handle, weight.shape, strides);
    backend.native(velocity, own);
    backend.rearrange(velocity, inOrder);
    const slope = backend.native(gradient, own);
    const ordered = inOrder(slope);
    // PyTorch's velocity is without the rate: velocity = momentum * velocity + (1 - dampening) * slope, and weight = weight
    // - rate * velocity. With a rate of -1 and a dampening of 1 + learningRate it is the paper's.
    torch.callAll(
      'aten::_fused_sgd_',
      [
        tensors([w]),
        tensors([ordered === undefined ? slope : own(ordered)]),
        tensors([backend.native(velocity, own)]),
        ...[decay, momentum, -1, 1 + learningRate].map(float),
        ...[false, false, false].map(bool), // No Nesterov, no maximising, not the first step.
        none,
        none,
      ],
      0,
    );
  });
  for (const tensor of [weight, velocity]) backend.overwritten(tensor);
};
