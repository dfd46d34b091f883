// The transforms of filters, and of the sums of their gradients, as graphs.
import type { OnnxRuntimeBackend } from '../backend.js';
import { reorderWholeFilter, wholeFilterDims } from '../convolution/nchwc-graph.js';
import type { Convolution, FilterGradient } from '../convolution/operands.js';
import { reorderOutput } from '../nchwc.js';
import type { PooledBuffer } from '../pool.js';
import { PLANES } from './units.js';

/** G, which transforms a filter's columns, and its rows. */
const G = [
  [1, 0, 0],
  [1 / 2, 1 / 2, 1 / 2],
  [1 / 2, -1 / 2, 1 / 2],
  [0, 0, 1],
] as const;

/** GgGᵀ as a matrix [16, 9] over the filter's positions in reading order; `rotated`: of the filter rotated by 180°. */
const transform = (rotated: boolean): readonly (readonly number[])[] =>
  G.flatMap((row) =>
    G.map((column) => {
      const products = row.flatMap((a) => column.map((b) => a * b));
      return rotated ? products.reverse() : products;
    }),
  );

/** GᵀsG as a matrix [9, 16 * count], for `count` partial sums s, which are added. */
const gradientTransform = (count: number): readonly number[] => {
  const matrix = transform(false);
  return Array.from({ length: 9 }, (_, i) =>
    Array.from({ length: count * PLANES }, (_, k) => matrix[k % PLANES]![i]!),
  ).flat();
};

/** Writes the filter's transform: 16 planes in NCHWc blocks of output channels. */
export const transformFilter = (
  backend: OnnxRuntimeBackend,
  { filter, shape, rotated }: Convolution,
  target: PooledBuffer,
): void => {
  const { inChannels, outChannels } = shape;
  const dims = wholeFilterDims(shape, rotated);
  const length = inChannels * outChannels;
  backend.run(
    `Winograd:filter:${rotated}:${inChannels}:${outChannels}`,
    (g) => {
      const reordered = reorderWholeFilter(g, g.input('f', 'float32', dims), rotated);
      const positions = g.node('Reshape', [reordered, g.ints(9, length)]);
      const matrix = g.constant('transform', {
        type: 'float32',
        dims: [PLANES, 9],
        data: Float32Array.from(transform(rotated).flat()),
      });
      g.output(g.node('MatMul', [matrix, positions]), 'float32', [PLANES, length]);
    },
    [backend.native(filter, dims)],
    [target.value([PLANES, length])],
  );
};

/** Adds partial sums and transforms them to the gradient of the filter. */
export const transformSums = (
  { backend, dw, info: { inChannels, outChannels } }: FilterGradient,
  count: number,
  sums: PooledBuffer,
): void => {
  const planes = [count * PLANES, inChannels * outChannels];
  const dims = [9, inChannels, outChannels, 1];
  backend.run(
    `Winograd:gradient:${count}:${inChannels}:${outChannels}`,
    (g) => {
      const matrix = g.constant('transform', {
        type: 'float32',
        dims: [9, count * PLANES],
        data: Float32Array.from(gradientTransform(count)),
      });
      const product = g.node('MatMul', [matrix, g.input('sums', 'float32', planes)]);
      const blocks = g.node('Reshape', [product, g.ints(...dims)]);
      g.output(reorderOutput(g, blocks, inChannels, 'NCHW'), 'float32', dims);
    },
    [sums.value(planes)],
    [backend.buffer(dw).value(dims)],
  );
};
