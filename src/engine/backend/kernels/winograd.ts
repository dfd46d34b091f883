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
import { DOMAIN, isWhole, wholeFilterDims } from './blocked.js';
import type { Convolution } from './convolve.js';

/** Tiles of a unit: more no longer make products quicker, and leave the cache. */
const TILES = 112;
/** Tiles for each thread from which on the transforms cost less than they save. */
const LEAST_TILES = 48;
/** Channels of the input and of the output from which on they do. */
const LEAST_CHANNELS = [64, 128] as const;

/** G, which transforms a filter's columns (and its rows). */
const G = [
  [1, 0, 0],
  [1 / 2, 1 / 2, 1 / 2],
  [1 / 2, -1 / 2, 1 / 2],
  [0, 0, 1],
] as const;

/** G g G' as a matrix [16, 9] over the filter's positions in reading order; `turned`: of the filter turned by 180 degrees. */
const transform = (turned: boolean): Float32Array => {
  const matrix = G.flatMap((row) =>
    G.map((column) => row.flatMap((a) => column.map((b) => a * b))).map((products) =>
      turned ? products.reverse() : products,
    ),
  );
  return Float32Array.from(matrix.flat());
};

/** Whether {@link filterMinimally} can compute a convolution of a tensor in blocks, and is quicker. */
export const canFilterMinimally = (
  { capabilities, threads }: OnnxRuntimeBackend,
  { shape, outShape }: Convolution,
  epilogue: Epilogue | undefined,
): boolean => {
  const { kernel, strides, dilations, pads, inChannels, outChannels } = shape;
  const [images, outRows, outColumns] = outShape as [number, number, number, number];
  const { tileRows, tileColumns } = tilesOf({ outRows, outColumns });
  return (
    kernel.every((n) => n === 3) &&
    [...strides, ...dilations].every((n) => n === 1) &&
    pads.every((n) => n <= 2) &&
    isWhole(shape, capabilities.blockSize) &&
    inChannels >= LEAST_CHANNELS[0] &&
    outChannels >= LEAST_CHANNELS[1] &&
    images * tileRows * tileColumns >= LEAST_TILES * threads &&
    ['linear', 'relu'].includes(epilogue?.activation ?? 'linear') &&
    hasLoops()
  );
};

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
        data: transform(turned),
      });
      g.output(g.node('MatMul', [matrix, rows]), 'float32', [PLANES, inChannels * outChannels]);
    },
    [backend.native(filter, dims)],
    [target.value([PLANES, inChannels * outChannels])],
  );
};

/** Units of a convolution: enough for all threads, none with more tiles than stay in a cache. */
const unitsFor = (images: number, tileRows: number, tileColumns: number, threads: number) => {
  const tiles = Math.min(TILES, Math.ceil((images * tileRows * tileColumns) / (2 * threads)));
  const unitRows = Math.min(tileRows, Math.max(1, Math.round(tiles / tileColumns)));
  const unitImages = unitRows < tileRows ? 1 : Math.max(1, Math.round(tiles / (tileRows * tileColumns)));
  return { unitImages: Math.min(images, unitImages), unitRows };
};

/** Computes a convolution of a tensor in blocks that {@link canFilterMinimally}; its output is left in blocks. */
export const filterMinimally = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
): TensorInfo => {
  const { x, filter, shape, outShape, turned } = convolution;
  const { inChannels, outChannels, pads } = shape;
  const [images, rows, columns] = x.shape as [number, number, number, number];
  const [, outRows, outColumns] = outShape as [number, number, number, number];
  const { tileRows, tileColumns } = tilesOf({ outRows, outColumns });
  const y = backend.outputInBlocks(outShape);
  const task: WinogradTask = {
    images,
    inChannels,
    outChannels,
    rows,
    columns,
    outRows,
    outColumns,
    top: pads[0],
    left: pads[1],
    relu: Number(epilogue?.activation === 'relu'),
    block: backend.capabilities.blockSize,
    ...unitsFor(images, tileRows, tileColumns, backend.threads),
  };
  const length = PLANES * inChannels * outChannels;
  const bias = epilogue?.bias
    ? (backend.native(epilogue.bias).data as Float32Array)
    : new Float32Array(outChannels);
  const compute = (u: Block): void =>
    tensorLoops.convolution(backend.crew, task, [
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
