// Convolutions by filters of 3 x 3 with 16 products where there are 36: Winograd's minimal filtering F(2x2, 3x3), as Lavin and Gray
// (2015) describe it for nets. Its transforms have no factors but 1/2, so that it rounds hardly more than a sum of products.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import { sizeOf } from '../kernels/shared/kernel.js';
import { tensorLoops } from '../loops/parallel.js';
import { PLANES } from './units.js';
import type { Block } from '../pool.js';
import type { Epilogue } from '../kernels/shared/epilogue.js';
import { DOMAIN, wholeFilterDims } from '../convolution/nchwc.js';
import { shapeOf } from '../convolution/geometry.js';
import type { Convolution } from '../convolution/convolve.js';
import type { FilterGradient } from '../convolution/filter-gradient/nchwc.js';
import { planFor } from './plan.js';

/** G, which transforms a filter's columns (and its rows). */
const G = [
  [1, 0, 0],
  [1 / 2, 1 / 2, 1 / 2],
  [1 / 2, -1 / 2, 1 / 2],
  [0, 0, 1],
] as const;

/** G g G' as a matrix [16, 9] over the filter's positions in reading order; `turned`: of the filter turned by 180 degrees. */
const transform = (turned: boolean): readonly (readonly number[])[] =>
  G.flatMap((row) =>
    G.map((column) => {
      const products = row.flatMap((a) => column.map((b) => a * b));
      return turned ? products.reverse() : products;
    }),
  );

/** Writes the filter's transform, in blocks, to `target`. */
const transformFilter = (
  backend: OnnxRuntimeBackend,
  { filter, shape, turned }: Convolution,
  target: Block,
): void => {
  const { inChannels, outChannels } = shape;
  const dims = wholeFilterDims(shape, turned);
  backend.run(
    `Winograd:filter:${turned}:${inChannels}:${outChannels}`,
    (g) => {
      const w = g.input('f', 'float32', dims);
      const blocks = g.node('ReorderInput', [w], { channels_last: turned ? 0 : 1 }, { domain: DOMAIN });
      const rows = g.node('Reshape', [blocks, g.ints(9, inChannels * outChannels)]);
      const matrix = g.constant('transform', {
        type: 'float32',
        dims: [PLANES, 9],
        data: Float32Array.from(transform(turned).flat()),
      });
      g.output(g.node('MatMul', [matrix, rows]), 'float32', [PLANES, inChannels * outChannels]);
    },
    [backend.native(filter, dims)],
    [target.value([PLANES, inChannels * outChannels])],
  );
};

/**
 * Computes a convolution, with bias and ReLU, where minimal filtering is quicker; else returns nothing. Its input is brought into blocks, its
 * output left in them.
 */
export const filterMinimally = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
): TensorInfo | undefined => {
  const { x, filter, shape, outShape, turned } = convolution;
  const activation = epilogue?.activation ?? 'linear';
  const task = ['linear', 'relu'].includes(activation)
    ? planFor(backend, 'convolution', shape, x.shape, outShape)
    : undefined;
  if (!task) return undefined;
  const y = backend.outputInBlocks(outShape);
  const length = PLANES * shape.inChannels * shape.outChannels;
  const bias = epilogue?.bias
    ? (backend.native(epilogue.bias).data as Float32Array)
    : new Float32Array(shape.outChannels);
  const compute = (u: Block): void =>
    tensorLoops.convolution(backend.crew, { ...task, relu: Number(activation === 'relu') }, [
      backend.intoBlocks(x).view(sizeOf(x)),
      u.view(length),
      bias,
      backend.blocksOf(y)!.view(sizeOf(y)),
    ]);
  const kept = turned
    ? undefined
    : backend.arranged(filter, 'Winograd', length, (target) => transformFilter(backend, convolution, target));
  if (kept) compute(kept);
  else
    backend.withScratch(length, (u) => {
      transformFilter(backend, convolution, u);
      compute(u);
    });
  return y;
};

/** G' s G of sums in parts, which are added, as a matrix [9, 16 * parts]. */
const backTransform = (parts: number): readonly number[] => {
  const matrix = transform(false);
  return Array.from({ length: 9 }, (_, i) =>
    Array.from({ length: parts * PLANES }, (_, k) => matrix[k % PLANES]![i]!),
  ).flat();
};

/** Transforms sums of products back to the gradient of a filter. */
const transformSums = (
  { backend, dw, info: { inChannels, outChannels } }: FilterGradient,
  parts: number,
  sums: Block,
): void => {
  const planes = [parts * PLANES, inChannels * outChannels];
  const dims = [9, inChannels, outChannels, 1];
  backend.run(
    `Winograd:gradient:${parts}:${inChannels}:${outChannels}`,
    (g) => {
      const matrix = g.constant('transform', {
        type: 'float32',
        dims: [9, parts * PLANES],
        data: Float32Array.from(backTransform(parts)),
      });
      const product = g.node('MatMul', [matrix, g.input('sums', 'float32', planes)]);
      const blocks = g.node('Reshape', [product, g.ints(...dims)]);
      const order = { channels: inChannels, channels_last: 0 };
      g.output(g.node('ReorderOutput', [blocks], order, { domain: DOMAIN }), 'float32', dims);
    },
    [sums.value(planes)],
    [backend.block(dw).value(dims)],
  );
};

/** Computes the gradient of a filter where minimal filtering is quicker; returns whether it is. */
export const sumMinimally = (gradient: FilterGradient): boolean => {
  const { backend, x, dy, info } = gradient;
  const task = planFor(backend, 'gradient', shapeOf(info), info.inShape, info.outShape);
  if (!task) return false;
  const length = task.parts * PLANES * info.inChannels * info.outChannels;
  const numbers = (tensor: TensorInfo): Float32Array => backend.intoBlocks(tensor).view(sizeOf(tensor));
  backend.withScratch(length, (sums) => {
    tensorLoops.filterGradient(backend.crew, task, [numbers(x), numbers(dy), sums.view(length)]);
    transformSums(gradient, task.parts, sums);
  });
  return true;
};
