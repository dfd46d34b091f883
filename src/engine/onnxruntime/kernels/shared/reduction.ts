// Sums and means over some axes. Maxima and minima stay with the CPU kernels: ONNX Runtime's pass over NaN.
import { backend_util, util } from '@tensorflow/tfjs-core';
import { type NativeKernel, areFloat, free, limits } from './kernel.js';

/** A shape and the axes to reduce, with neighbours of the same kind joined: kept and reduced axes alternate. */
export const collapseReduction = (
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

const reduction =
  (opType: string): NativeKernel =>
  ({ backend, inputs, attrs }) => {
    const x = inputs['x']!;
    if (!areFloat([x], limits.small)) return undefined;
    const axes = util.parseAxisParam(attrs['axis'] as number | number[], x.shape);
    const [kept] = backend_util.computeOutAndReduceShapes(x.shape, axes);
    const shape = attrs['keepDims'] ? backend_util.expandShapeToKeepDim(kept, axes) : kept;
    const sums = backend.facts(x).columnSums;
    const isByColumn = axes.length === x.shape.length - 1 && !axes.includes(axes.length);
    if (opType === 'ReduceSum' && isByColumn && sums && sums.length === x.shape.at(-1)) {
      const y = backend.output(shape);
      backend.values(y).set(sums);
      return y;
    }
    const { dims, reduced } = collapseReduction(x.shape, axes);
    if (reduced.length === 0) return undefined;
    const y = backend.output(shape);
    const rank = dims.length;
    backend.compute(
      `${opType}:${rank}:${reduced.join()}`,
      (g) => {
        const input = g.input('x', 'float32', free('x', rank));
        const output = g.node(opType, [input, g.ints(...reduced)], { keepdims: 0 });
        g.output(output, 'float32', free('y', rank - reduced.length));
      },
      [[x, dims]],
      [[y, dims.filter((_, i) => !reduced.includes(i))]],
    );
    return y;
  };

export const reductionKernels = {
  Sum: reduction('ReduceSum'),
  Mean: reduction('ReduceMean'),
} satisfies Readonly<Record<string, NativeKernel>>;
