// The sum of several tensors of one shape.
import { AddN, type KernelConfig, type TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './shared/kernel.js';

const addN: NativeKernel = ({ backend, inputs }) => {
  const tensors = Object.values(inputs) as TensorInfo[];
  if (!areFloat(tensors, limits.small)) return undefined;
  const y = backend.output(tensors[0]!.shape);
  const flat = [sizeFromShape(y.shape)];
  backend.compute(
    `AddN:${tensors.length}`,
    (g) => {
      const names = tensors.map((_, i) => g.input(`x${i}`, 'float32', ['n']));
      g.output(g.node('Sum', names), 'float32', ['n']);
    },
    tensors.map((tensor) => [tensor, flat]),
    [[y, flat]],
  );
  return y;
};

export const addNConfig: KernelConfig = {
  kernelName: AddN,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(AddN, addN),
};
