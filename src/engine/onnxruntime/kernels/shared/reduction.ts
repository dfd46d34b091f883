// Sums and means over some axes. Maxima and minima are left to tfjs-cpu: ONNX Runtime's ignore NaN.
import { backend_util, util } from '@tensorflow/tfjs-core';
import { symbolicDims } from '../../../onnx.js';
import { type KernelCall, type NativeKernel, areFloat, limits } from './kernel.js';

/** A shape and the axes to reduce, with neighbours of the same kind joined: kept and reduced axes alternate. */
const collapseReduction = (
  shape: readonly number[],
  axes: readonly number[],
): { dims: number[]; reduced: number[] } => {
  const dims: number[] = [];
  const kinds: boolean[] = [];
  shape.forEach((size, axis) => {
    const kind = axes.includes(axis);
    if (size === 1) return;
    if (kinds.at(-1) === kind) dims.push(dims.pop()! * size);
    else {
      dims.push(size);
      kinds.push(kind);
    }
  });
  return { dims, reduced: kinds.flatMap((kind, i) => (kind ? [i] : [])) };
};

/** The axes of a reduction, and the shape of its result. */
export const reductionOf = ({ inputs, attrs }: KernelCall): { axes: number[]; shape: number[] } => {
  const x = inputs['x']!;
  const axes = util.parseAxisParam(attrs['axis'] as number | number[], x.shape);
  const [kept] = backend_util.computeOutAndReduceShapes(x.shape, axes);
  return { axes, shape: attrs['keepDims'] ? backend_util.expandShapeToKeepDim(kept, axes) : kept };
};

/** A reduction by an ONNX operator. */
export const reduction =
  (opType: 'ReduceSum' | 'ReduceMean'): NativeKernel =>
  (call) => {
    const { backend, inputs } = call;
    const x = inputs['x']!;
    if (!areFloat([x], limits.small)) return undefined;
    const { axes, shape } = reductionOf(call);
    const { dims, reduced } = collapseReduction(x.shape, axes);
    if (reduced.length === 0) return undefined;
    const y = backend.output(shape);
    const rank = dims.length;
    backend.compute(
      `${opType}:${rank}:${reduced.join()}`,
      (g) => {
        const input = g.input('x', 'float32', symbolicDims('x', rank));
        const output = g.node(opType, [input, g.ints(...reduced)], { keepdims: 0 });
        g.output(output, 'float32', symbolicDims('y', rank - reduced.length));
      },
      [[x, dims]],
      [[y, dims.filter((_, i) => !reduced.includes(i))]],
    );
    return y;
  };
