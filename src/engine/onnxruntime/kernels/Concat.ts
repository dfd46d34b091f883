// Padding with a constant, and concatenation.
import { type TensorInfo, backend_util, util } from '@tensorflow/tfjs-core';
import { type KernelCall, type NativeKernel, areFloat, free, sizeOf, limits } from './shared/kernel.js';

const pad: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  const paddings = attrs['paddings'] as [number, number][];
  const shape = x.shape.map((size, i) => size + paddings[i]![0] + paddings[i]![1]);
  const value = attrs['constantValue'] as number;
  if (!areFloat([x]) || util.sizeFromShape(shape) < limits.small || paddings.flat().some((n) => n < 0))
    return undefined;
  const y = backend.output(shape);
  const rank = shape.length;
  const before = paddings.map(([n]) => n);
  const after = paddings.map(([, n]) => n);
  backend.compute(
    `PadV2:${before.join()}:${after.join()}:${value}`,
    (g) => {
      const input = g.input('x', 'float32', free('x', rank));
      g.output(
        g.node('Pad', [input, g.ints(...before, ...after), g.scalar(value)]),
        'float32',
        free('y', rank),
      );
    },
    [[x]],
    [[y]],
  );
  return y;
};

const concat = ({ backend, inputs, attrs }: KernelCall): TensorInfo | undefined => {
  const tensors = (Object.values(inputs) as TensorInfo[]).filter((tensor) => sizeOf(tensor) > 0);
  if (tensors.length < 2 || !areFloat(tensors)) return undefined;
  const [axis] = util.parseAxisParam(attrs['axis'] as number, tensors[0]!.shape) as [number];
  backend_util.assertParamsConsistent(
    tensors.map(({ shape }) => shape),
    axis,
  );
  const outer = util.sizeFromShape(tensors[0]!.shape.slice(0, axis));
  const widths = tensors.map((tensor) => sizeOf(tensor) / outer);
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

export const shapeKernels: Readonly<Record<string, NativeKernel>> = { PadV2: pad, Concat: concat };
