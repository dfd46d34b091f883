// Softmax over the last axis.
import { type KernelConfig, Softmax } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './shared/kernel.js';

const softmax: NativeKernel = ({ backend, inputs, attrs }) => {
  const logits = inputs['logits']!;
  const rank = logits.shape.length;
  if (!areFloat([logits], limits.small) || attrs['dim'] !== rank - 1) return undefined;
  const y = backend.output(logits.shape);
  const classes = logits.shape.at(-1)!;
  const dims = [sizeFromShape(logits.shape) / classes, classes];
  backend.compute(
    'Softmax',
    (g) => {
      const x = g.input('x', 'float32', ['p', 'c']);
      g.output(g.node('Softmax', [x], { axis: -1 }), 'float32', ['p', 'c']);
    },
    [[logits, dims]],
    [[y, dims]],
  );
  return y;
};

export const softmaxConfig: KernelConfig = {
  kernelName: Softmax,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Softmax, softmax),
};
