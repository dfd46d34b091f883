// Convolutions by filters of 3 x 3 with 16 products where there are 36: Winograd's minimal filtering F(2x2, 3x3), as Lavin and Gray
// (2015) describe it for nets. Its transforms have no factors but 1/2, so that it is as exact as the sum of products is.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import { sizeOf } from '../kernel.js';
import { hasBlocks } from '../layout.js';
import { hasLoops } from '../loops/module.js';
import { tensorLoops } from '../loops/tensor-loops.js';
import { PLANES, type WinogradTask, tilesOf } from '../loops/winograd.js';
import type { Block } from '../pool.js';
import type { Epilogue } from './activation.js';
import { type ConvolutionShape, DOMAIN, isWhole, wholeFilterDims } from './blocked.js';
import { shapeOf } from './convolution-geometry.js';
import type { FilterGradient } from './filter-gradient-blocked.js';
import type { Convolution } from './convolve.js';

/** Tiles of a unit: more no longer make products quicker, and leave the cache. */
const TILES = 112;
/** Tiles of a unit of a filter's gradient, likewise: its sums are read and written once a unit. */
const TILES_OF_SUMS = 208;
/** Tiles for each thread from which on the transform of the filter costs less than is saved. */
const LEAST_TILES = 48;
/** Channels of input and output, the fewer and both together, from which on the transforms of these do. */
const LEAST_CHANNELS = { convolution: [64, 192], gradient: [32, 64] } as const;

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

/** Whether a convolution or a filter's gradient can be computed so, and is quicker. */
const pays = (
  { capabilities, threads }: OnnxRuntimeBackend,
  shape: ConvolutionShape,
  outShape: readonly number[],
  work: keyof typeof LEAST_CHANNELS,
): boolean => {
  const { kernel, strides, dilations, pads, inChannels, outChannels } = shape;
  const [images, outRows, outColumns] = outShape as [number, number, number, number];
  const { tileRows, tileColumns } = tilesOf({ outRows, outColumns });
  return (
    kernel.every((n) => n === 3) &&
    [...strides, ...dilations].every((n) => n === 1) &&
    pads.every((n) => n <= 2) &&
    isWhole(shape, capabilities.blockSize) &&
    Math.min(inChannels, outChannels) >= LEAST_CHANNELS[work][0] &&
    inChannels + outChannels >= LEAST_CHANNELS[work][1] &&
    images * tileRows * tileColumns >= LEAST_TILES * threads &&
    hasLoops()
  );
};

/** Units for each thread: none with more tiles than stay in a cache. */
const taskOf = (
  { capabilities, threads }: OnnxRuntimeBackend,
  { inChannels, outChannels, pads }: ConvolutionShape,
  inShape: readonly number[],
  outShape: readonly number[],
  mostTiles: number,
): WinogradTask => {
  const [images, rows, columns] = inShape as [number, number, number, number];
  const [, outRows, outColumns] = outShape as [number, number, number, number];
  const { tileRows, tileColumns } = tilesOf({ outRows, outColumns });
  const tiles = Math.min(mostTiles, Math.ceil((images * tileRows * tileColumns) / threads));
  const unitRows = Math.min(tileRows, Math.max(1, Math.round(tiles / tileColumns)));
  const unitImages = unitRows < tileRows ? 1 : Math.round(tiles / (tileRows * tileColumns));
  return {
    ...{ images, inChannels, outChannels, rows, columns, outRows, outColumns },
    ...{ top: pads[0], left: pads[1], relu: 0, block: capabilities.blockSize },
    ...{ unitImages: Math.min(images, Math.max(1, unitImages)), unitRows, parts: Math.max(2, threads) },
  };
};

/** Whether {@link filterMinimally} can compute a convolution, and is quicker. */
export const canFilterMinimally = (
  backend: OnnxRuntimeBackend,
  { shape, outShape }: Convolution,
  epilogue: Epilogue | undefined,
): boolean =>
  ['linear', 'relu'].includes(epilogue?.activation ?? 'linear') &&
  pays(backend, shape, outShape, 'convolution');

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

/** Computes a convolution that {@link canFilterMinimally}. Its input is brought into blocks, its output left in them. */
export const filterMinimally = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
): TensorInfo => {
  const { x, filter, shape, outShape, turned } = convolution;
  const y = backend.outputInBlocks(outShape);
  const task = taskOf(backend, shape, x.shape, outShape, TILES);
  const length = PLANES * shape.inChannels * shape.outChannels;
  const bias = epilogue?.bias
    ? (backend.native(epilogue.bias).data as Float32Array)
    : new Float32Array(shape.outChannels);
  const compute = (u: Block): void =>
    tensorLoops.convolution(backend.crew, { ...task, relu: Number(epilogue?.activation === 'relu') }, [
      backend.blocksOf(x)!.view(sizeOf(x)),
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

/** Whether {@link byMinimalFiltering} can compute a filter's gradient, and is quicker. */
export const canSumMinimally = ({ backend, info }: FilterGradient): boolean =>
  pays(backend, shapeOf(info), info.outShape, 'gradient');

/** The gradient of a filter for which {@link canSumMinimally}. */
export const byMinimalFiltering = ({ backend, x, dy, dw, info }: FilterGradient): void => {
  const shape = shapeOf(info);
  const { inChannels, outChannels } = shape;
  const task = taskOf(backend, shape, info.inShape, info.outShape, TILES_OF_SUMS);
  const { parts } = task;
  const size = inChannels * outChannels;
  backend.withScratch(parts * PLANES * size, (sums) => {
    tensorLoops.filterGradient(backend.crew, task, [
      ...([x, dy].map((tensor) => backend.intoBlocks(tensor).view(sizeOf(tensor))) as [
        ...[Float32Array, Float32Array],
      ]),
      sums.view(parts * PLANES * size),
    ]);
    const matrix = transform(false);
    const back = Array.from({ length: 9 }, (_, i) =>
      Array.from({ length: parts * PLANES }, (_, k) => matrix[k % PLANES]![i]!),
    );
    backend.run(
      `Winograd:gradient:${parts}:${inChannels}:${outChannels}`,
      (g) => {
        const planes = g.input('sums', 'float32', [parts * PLANES, size]);
        const factor = g.constant('transform', {
          type: 'float32',
          dims: [9, parts * PLANES],
          data: Float32Array.from(back.flat()),
        });
        const blocks = g.node('Reshape', [
          g.node('MatMul', [factor, planes]),
          g.ints(9, inChannels, outChannels, 1),
        ]);
        const order = { channels: inChannels, channels_last: 0 };
        g.output(g.node('ReorderOutput', [blocks], order, { domain: DOMAIN }), 'float32', [
          ...[9, inChannels, outChannels, 1],
        ]);
      },
      [sums.value([parts * PLANES, size])],
      [backend.block(dw).value([9, inChannels, outChannels, 1])],
    );
  });
};
