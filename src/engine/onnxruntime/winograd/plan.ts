// Which convolutions Winograd's F(2x2, 3x3) is faster for, and the units that threads compute of them.
import type { OnnxRuntimeBackend } from '../backend.js';
import { type ConvolutionShape, hasWholeBlocks, keyOf } from '../convolution/geometry.js';
import { hasLoops } from '../loops/module.js';
import { PLANES, type WinogradPlan, countUnits, tilesOf } from './units.js';

/** What is computed: a convolution (an input's gradient is one too), or a filter's gradient. */
type Operation = 'convolution' | 'filterGradient';

/** From where on it is faster. Tests lower these limits, to compute small tensors so. */
export const least: {
  tiles: number;
  readonly channels: Record<Operation, readonly [fewer: number, both: number]>;
} = {
  /** Tiles for each thread: with fewer, the transform of the filter costs more than is saved. */
  tiles: 48,
  /** Channels of input and output, the fewer of the two and both together: with fewer, the other transforms cost more. */
  channels: { convolution: [64, 192], filterGradient: [32, 64] },
};
/** Elements at most of a gradient's partial sums, all together, and of a row of transformed tiles. */
const MOST_ELEMENTS = 2 ** 26;
/**
 * The most tiles of a unit: more do not fit the cache. And what a unit costs besides its tiles, in tiles: products of few
 * rows are slower, and a unit of a gradient reads and writes its sums once.
 */
const unitCosts: Readonly<Record<Operation, { readonly mostTiles: number; readonly overhead: number }>> = {
  convolution: { mostTiles: 128, overhead: 8 },
  filterGradient: { mostTiles: 208, overhead: 24 },
};
const MOST_PLANS = 1024;

const isFaster = (
  operation: Operation,
  threads: number,
  tiles: number,
  tileColumns: number,
  { kernel, strides, dilations, pads, inChannels, outChannels }: ConvolutionShape,
): boolean => {
  const [fewer, both] = least.channels[operation];
  const sums = Math.max(2, threads) * PLANES * inChannels * outChannels;
  return (
    kernel.every((n) => n === 3) &&
    strides.every((n) => n === 1) &&
    dilations.every((n) => n === 1) &&
    pads.every((n) => n >= 0 && n <= 2) &&
    Math.min(inChannels, outChannels) >= fewer &&
    inChannels + outChannels >= both &&
    tiles >= least.tiles * threads &&
    tileColumns * PLANES * (inChannels + outChannels) <= MOST_ELEMENTS &&
    (operation === 'convolution' || sums <= MOST_ELEMENTS)
  );
};

/**
 * The units with which `threads` threads that take turns end first, if a unit takes as long as its tiles and `overhead`
 * tiles more. None has more than `mostTiles` tiles, unless a single row of tiles has.
 */
const fastestUnits = (
  images: number,
  tileRows: number,
  tileColumns: number,
  threads: number,
  { mostTiles, overhead }: (typeof unitCosts)[Operation],
): Pick<WinogradPlan, 'unitImages' | 'unitRows'> => {
  let fastest = { unitImages: 1, unitRows: 1 };
  let shortest = Infinity;
  const consider = (unitImages: number, unitRows: number): void => {
    const tiles = unitImages * unitRows * tileColumns;
    if (tiles > mostTiles) return;
    const units = Math.ceil(images / unitImages) * Math.ceil(tileRows / unitRows);
    const time = Math.ceil(units / threads) * (tiles + overhead);
    if (time < shortest) [fastest, shortest] = [{ unitImages, unitRows }, time];
  };
  for (let unitRows = 1; unitRows <= tileRows; unitRows++) consider(1, unitRows);
  for (let unitImages = 2; unitImages <= images; unitImages++) consider(unitImages, tileRows);
  return fastest;
};

const makePlan = (
  operation: Operation,
  threads: number,
  blockSize: number,
  shape: ConvolutionShape,
  inShape: readonly number[],
  outShape: readonly number[],
): WinogradPlan | undefined => {
  const { inChannels, outChannels, pads } = shape;
  const [images, rows, columns] = inShape as [number, number, number, number];
  const [, outRows, outColumns] = outShape as [number, number, number, number];
  const { tileRows, tileColumns } = tilesOf({ outRows, outColumns });
  const isPossible = hasWholeBlocks(shape, blockSize) && hasLoops();
  const tiles = images * tileRows * tileColumns;
  if (!isPossible || !isFaster(operation, threads, tiles, tileColumns, shape)) return undefined;
  // One thread has as many partial sums as two, so that the results are the same.
  const partialSums = Math.max(2, threads);
  const takers = operation === 'filterGradient' ? partialSums : threads;
  const plan = {
    ...{ images, inChannels, outChannels, rows, columns, outRows, outColumns },
    ...{ top: pads[0], left: pads[1], relu: 0, blockSize, partialSums },
    ...fastestUnits(images, tileRows, tileColumns, takers, unitCosts[operation]),
  };
  return { ...plan, partialSums: Math.min(partialSums, countUnits(plan)) };
};

/** Plans by all that they depend on: a training step asks for the same ones again and again. */
const plans = new Map<string, WinogradPlan | undefined>();

/**
 * How to compute a convolution of a tensor of shape `inShape` to one of `outShape`, or the gradient of its filter;
 * undefined where Winograd's algorithm cannot be used, or is not faster.
 */
export const planFor = (
  { nchwcBlock, threads }: Pick<OnnxRuntimeBackend, 'nchwcBlock' | 'threads'>,
  operation: Operation,
  shape: ConvolutionShape,
  inShape: readonly number[],
  outShape: readonly number[],
): WinogradPlan | undefined => {
  const [images, rows, columns] = inShape;
  const key = `${keyOf(operation, shape)}:${images},${rows},${columns}:${nchwcBlock}:${threads}:${least.tiles}`;
  const known = plans.get(key);
  if (known || plans.has(key)) return known;
  if (plans.size >= MOST_PLANS) plans.clear();
  const plan = makePlan(operation, threads, nchwcBlock, shape, inShape, outShape);
  plans.set(key, plan);
  return plan;
};
