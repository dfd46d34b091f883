// A permutation of axes.
import { type KernelConfig, Transpose } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { symbolicDims } from '../../onnx.js';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './shared/kernel.js';

/** A shape and a permutation without axes of size one, with axes joined that stay neighbours. */
const collapsePermutation = (
  shape: readonly number[],
  perm: readonly number[],
): { dims: number[]; perm: number[] } => {
  const groups: number[][] = [];
  for (const axis of perm.filter((a) => shape[a] !== 1)) {
    const last = groups.at(-1);
    // Axes of size one between two axes do not separate them.
    const next = last && shape.findIndex((size, i) => i > last.at(-1)! && size !== 1);
    if (last && next === axis) last.push(axis);
    else groups.push([axis]);
  }
  const order = groups.map((_, i) => i).sort((i, j) => groups[i]![0]! - groups[j]![0]!);
  const dims = order.map((i) => sizeFromShape(groups[i]!.map((axis) => shape[axis]!)));
  return { dims, perm: groups.map((_, i) => order.indexOf(i)) };
};

const transpose: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  if (!areFloat([x], limits.small)) return undefined;
  const axes = attrs['perm'] as number[];
  const { dims, perm } = collapsePermutation(x.shape, axes);
  if (perm.length < 2) return undefined;
  const y = backend.output(axes.map((axis) => x.shape[axis]!));
  backend.compute(
    `Transpose:${perm.join()}`,
    (g) => {
      const input = g.input('x', 'float32', symbolicDims('x', dims.length));
      g.output(g.node('Transpose', [input], { perm }), 'float32', symbolicDims('y', dims.length));
    },
    [[x, dims]],
    [[y, perm.map((axis) => dims[axis]!)]],
  );
  return y;
};

export const transposeConfig: KernelConfig = {
  kernelName: Transpose,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Transpose, transpose),
};
