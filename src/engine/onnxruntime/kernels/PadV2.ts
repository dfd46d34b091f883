// Padding with a constant.
import { type KernelConfig, PadV2 } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { symbolicDims } from '../../onnx.js';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './shared/kernel.js';

const padV2: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  const paddings = attrs['paddings'] as [number, number][];
  const shape = x.shape.map((size, i) => size + paddings[i]![0] + paddings[i]![1]);
  const value = attrs['constantValue'] as number;
  if (!areFloat([x]) || sizeFromShape(shape) < limits.small || paddings.flat().some((n) => n < 0))
    return undefined;
  const y = backend.output(shape);
  const rank = shape.length;
  const before = paddings.map(([n]) => n);
  const after = paddings.map(([, n]) => n);
  backend.compute(
    `PadV2:${before.join()}:${after.join()}:${value}`,
    (g) => {
      const input = g.input('x', 'float32', symbolicDims('x', rank));
      const padded = g.node('Pad', [input, g.ints(...before, ...after), g.scalar(value)]);
      g.output(padded, 'float32', symbolicDims('y', rank));
    },
    [[x]],
    [[y]],
  );
  return y;
};

export const padV2Config: KernelConfig = {
  kernelName: PadV2,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(PadV2, padV2),
};
