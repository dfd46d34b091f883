// Which convolutions Winograd's minimal filtering is quicker for, and the units that threads cut them into.
import type { OnnxRuntimeBackend } from '../backend.js';
import { hasLoops } from '../loops/module.js';
import { PLANES, type WinogradTask, countUnits, tilesOf } from './units.js';
import { type ConvolutionShape, isWhole } from '../convolution/nchwc.js';
import { keyOf } from '../convolution/geometry.js';

/** What is computed: a convolution, an input's gradient among them, or a filter's gradient. */
type Work = 'convolution' | 'gradient';

/** From where on it is quicker. Tests lower these, all together, to see it at work on small tensors. */
export const least: {
  tiles: number;
  readonly channels: Record<Work, readonly [fewer: number, both: number]>;
} = {
  /** Tiles for each thread: the transform of the filter costs less than is saved. */
  tiles: 48,
  /** Channels of input and output, the fewer and both together: the transforms of these cost less. */
  channels: { convolution: [64, 192], gradient: [32, 64] },
};
/** Numbers up to which memory is worth it: a gradient's sums, those of all threads, and a row of transformed tiles. */
const MOST_NUMBERS = 2 ** 26;
/**
 * Tiles of a unit at most: more leave the cache. And what a unit costs besides its tiles, in tiles: products of few rows are slower, and the
 * sums of a gradient are read and written once a unit.
 */
const UNITS: Readonly<Record<Work, { readonly most: number; readonly overhead: number }>> = {
  convolution: { most: 128, overhead: 8 },
  gradient: { most: 208, overhead: 24 },
};
/** Plans that are kept. */
const KEPT = 1024;

const pays = (
  work: Work,
  threads: number,
  tiles: number,
  tileColumns: number,
  { kernel, strides, dilations, pads, inChannels, outChannels }: ConvolutionShape,
): boolean => {
  const [fewer, both] = least.channels[work];
  return (
    kernel.every((n) => n === 3) &&
    strides.every((n) => n === 1) &&
    dilations.every((n) => n === 1) &&
    pads.every((n) => n >= 0 && n <= 2) &&
    Math.min(inChannels, outChannels) >= fewer &&
    inChannels + outChannels >= both &&
    tiles >= least.tiles * threads &&
    tileColumns * PLANES * (inChannels + outChannels) <= MOST_NUMBERS &&
    (work === 'convolution' || Math.max(2, threads) * PLANES * inChannels * outChannels <= MOST_NUMBERS)
  );
};

/**
 * The units that end first when `workers` take turns: a unit takes as long as its tiles and `overhead` tiles more. None has more tiles
 * than `most`, unless a row of tiles has.
 */
const cheapestUnits = (
  images: number,
  tileRows: number,
  tileColumns: number,
  workers: number,
  { most, overhead }: (typeof UNITS)[Work],
): Pick<WinogradTask, 'unitImages' | 'unitRows'> => {
  let best = { unitImages: 1, unitRows: 1 };
  let least = Infinity;
  const consider = (unitImages: number, unitRows: number): void => {
    const tiles = unitImages * unitRows * tileColumns;
    if (tiles > most) return;
    const units = Math.ceil(images / unitImages) * Math.ceil(tileRows / unitRows);
    const time = Math.ceil(units / workers) * (tiles + overhead);
    if (time < least) [best, least] = [{ unitImages, unitRows }, time];
  };
  for (let unitRows = 1; unitRows <= tileRows; unitRows++) consider(1, unitRows);
  for (let unitImages = 2; unitImages <= images; unitImages++) consider(unitImages, tileRows);
  return best;
};

const makePlan = (
  work: Work,
  threads: number,
  block: number,
  shape: ConvolutionShape,
  inShape: readonly number[],
  outShape: readonly number[],
): WinogradTask | undefined => {
  const { inChannels, outChannels, pads } = shape;
  const [images, rows, columns] = inShape as [number, number, number, number];
  const [, outRows, outColumns] = outShape as [number, number, number, number];
  const { tileRows, tileColumns } = tilesOf({ outRows, outColumns });
  const isPossible = isWhole(shape, block) && hasLoops();
  const tiles = images * tileRows * tileColumns;
  if (!isPossible || !pays(work, threads, tiles, tileColumns, shape)) return undefined;
  // The same parts for one thread as for two, so that sums are the same.
  const parts = Math.max(2, threads);
  const workers = work === 'gradient' ? parts : threads;
  const task = {
    ...{ images, inChannels, outChannels, rows, columns, outRows, outColumns },
    ...{ top: pads[0], left: pads[1], relu: 0, block, parts },
    ...cheapestUnits(images, tileRows, tileColumns, workers, UNITS[work]),
  };
  return { ...task, parts: Math.min(parts, countUnits(task)) };
};

/** Plans by all that they depend on; a training step asks for the same ones again and again. */
const plans = new Map<string, WinogradTask | undefined>();

/**
 * How to compute a convolution of a tensor of the shape `inShape` to one of `outShape`, or the gradient of its filter; nothing where it cannot
 * be computed so, or would not be quicker.
 */
export const planFor = (
  { capabilities: { blockSize }, threads }: OnnxRuntimeBackend,
  work: Work,
  shape: ConvolutionShape,
  inShape: readonly number[],
  outShape: readonly number[],
): WinogradTask | undefined => {
  const [images, rows, columns] = inShape;
  const key = `${keyOf(work, shape)}:${images},${rows},${columns}:${blockSize}:${threads}:${least.tiles}`;
  const kept = plans.get(key);
  if (kept || plans.has(key)) return kept;
  if (plans.size >= KEPT) plans.clear();
  const plan = makePlan(work, threads, blockSize, shape, inShape, outShape);
  plans.set(key, plan);
  return plan;
};
