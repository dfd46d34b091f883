// Tensors joined along an axis, by copies of rows.
import { Concat, type KernelConfig, type TensorInfo, backend_util, util } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './shared/kernel.js';

const concat: NativeKernel = ({ backend, inputs, attrs }) => {
  const tensors = (Object.values(inputs) as TensorInfo[]).filter(({ shape }) => sizeFromShape(shape) > 0);
  if (tensors.length < 2 || !areFloat(tensors)) return undefined;
  const [axis] = util.parseAxisParam(attrs['axis'] as number, tensors[0]!.shape) as [number];
  backend_util.assertParamsConsistent(
    tensors.map(({ shape }) => shape),
    axis,
  );
  const outer = sizeFromShape(tensors[0]!.shape.slice(0, axis));
  const widths = tensors.map(({ shape }) => sizeFromShape(shape) / outer);
  const width = widths.reduce((a, b) => a + b, 0);
  if (outer * width < limits.small) return undefined;
  const shape = tensors[0]!.shape.map((size, i) =>
    i === axis ? tensors.reduce((n, tensor) => n + tensor.shape[axis]!, 0) : size,
  );
  const y = backend.output(shape);
  const target = backend.values(y);
  let start = 0;
  tensors.forEach((tensor, k) => {
    const [source, length] = [backend.values(tensor), widths[k]!];
    for (let i = 0; i < outer; i++)
      target.set(source.subarray(i * length, (i + 1) * length), i * width + start);
    start += length;
  });
  return y;
};

export const concatConfig: KernelConfig = {
  kernelName: Concat,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Concat, concat),
};
