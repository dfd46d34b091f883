// The product of two tensors, element by element. As a gradient of ReLU, dy times a step, it is computed in one pass.
import { type KernelConfig, Multiply } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { binary } from './shared/binary.js';
import { reluGradientOf } from './shared/deferred-gradients.js';
import { type NativeKernel, areFloat, withCpuFallback } from './shared/kernel.js';

const product = binary(Multiply, (g, a, b) => g.node('Mul', [a, b]));

const multiply: NativeKernel = (call) => {
  const { backend, inputs } = call;
  const [a, b] = [inputs['a']!, inputs['b']!];
  const gradient = areFloat([a, b])
    ? (reluGradientOf(backend, a, b) ?? reluGradientOf(backend, b, a))
    : undefined;
  return gradient ?? product(call);
};

export const multiplyConfig: KernelConfig = {
  kernelName: Multiply,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Multiply, multiply),
};
