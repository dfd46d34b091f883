// Batch normalisation over the last axis: (x - mean) / sqrt(variance + epsilon) * scale + offset.
import { FusedBatchNorm, type KernelConfig, type TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './shared/kernel.js';

const fusedBatchNorm: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  const channels = x.shape.at(-1)!;
  const names = ['mean', 'variance', 'offset', 'scale'];
  const given = names.flatMap((name): [string, TensorInfo][] => {
    const tensor = inputs[name];
    return tensor ? [[name, tensor]] : [];
  });
  const statistics = given.map(([, tensor]) => tensor);
  if (!areFloat([x], limits.small) || !areFloat(statistics)) return undefined;
  if (statistics.some(({ shape }) => sizeFromShape(shape) !== channels)) return undefined;
  const y = backend.output(x.shape);
  const dims = [sizeFromShape(x.shape) / channels, channels];
  const epsilon = attrs['varianceEpsilon'] as number;
  backend.compute(
    `FusedBatchNorm:${given.map(([name]) => name).join()}:${epsilon}`,
    (g) => {
      const input = g.input('x', 'float32', ['p', 'c']);
      for (const [name] of given) g.input(name, 'float32', ['c']);
      const deviation = g.node('Sqrt', [g.node('Add', ['variance', g.scalar(epsilon)])]);
      const factor = inputs['scale']
        ? g.node('Div', ['scale', deviation])
        : g.node('Reciprocal', [deviation]);
      const scaled = g.node('Mul', [g.node('Sub', [input, 'mean']), factor]);
      const result = inputs['offset'] ? g.node('Add', [scaled, 'offset']) : g.node('Identity', [scaled]);
      g.output(result, 'float32', ['p', 'c']);
    },
    [[x, dims], ...statistics.map((tensor) => [tensor, [channels]] as const)],
    [[y, dims]],
  );
  return y;
};

export const fusedBatchNormConfig: KernelConfig = {
  kernelName: FusedBatchNorm,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(FusedBatchNorm, fusedBatchNorm),
};
