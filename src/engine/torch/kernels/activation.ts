// The activation that tfjs fuses into a convolution or a matrix product.
import { type Handle, tensor } from '../call.js';
import type { KernelCall } from './kernel.js';

/** Operators that overwrite their argument, by tfjs's names of activations. */
const operators: Readonly<Record<string, string | undefined>> = {
  relu: 'aten::relu_',
  sigmoid: 'aten::sigmoid_',
};

const nameOf = ({ attrs }: KernelCall): string => (attrs['activation'] ?? 'linear') as string;

/** Whether libtorch has the activation that is asked for. */
export const canActivate = (call: KernelCall): boolean =>
  (nameOf(call) === 'linear' || operators[nameOf(call)] !== undefined) &&
  !call.inputs['preluActivationWeights'];

/** Applies it to a tensor, which is overwritten; returns the tensor. */
export const activate = (call: KernelCall, handle: Handle): Handle => {
  const operator = operators[nameOf(call)];
  if (operator) call.torch.delete(call.torch.call(operator, tensor(handle)));
  return handle;
};
