// The sum over some axes. Sums over all axes but the last are known of gradients that a loop computed: a bias's gradient.
import { type KernelConfig, Sum } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './shared/kernel.js';
import { reduction, reductionOf } from './shared/reduction.js';

const reduceSum = reduction('ReduceSum');

const sum: NativeKernel = (call) => {
  const { backend, inputs } = call;
  const x = inputs['x']!;
  if (!areFloat([x], limits.small)) return undefined;
  const { columnSums } = backend.facts(x);
  if (!columnSums || columnSums.length !== x.shape.at(-1)) return reduceSum(call);
  const { axes, shape } = reductionOf(call);
  const isByColumn = axes.length === x.shape.length - 1 && !axes.includes(axes.length);
  if (!isByColumn) return reduceSum(call);
  const y = backend.output(shape);
  backend.values(y).set(columnSums);
  return y;
};

export const sumConfig: KernelConfig = {
  kernelName: Sum,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Sum, sum),
};
