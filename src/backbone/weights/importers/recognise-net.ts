// Recognises the VGG net in a list of layers: configuration, width, blocks and sizes, from the kernels and
// the positions of the pools.
import { UsageError, expected, shown } from '../../../errors.js';
import {
  type Architecture,
  type Config,
  configs,
  layersOf,
  type LrnLayer,
  type PoolLayer,
  type WeightedLayer,
  weightedLayersOf,
  widthFor,
} from '../../nets/architecture.js';
import { type LayerHandler, interpret, unchanged } from '../../nets/interpret.js';
import type { Sizes } from './permute.js';
import type { SourceLayer, SourceNet } from './source.js';

const shapeText = (layer: SourceLayer): string =>
  `${layer.name} (${layer.axes} ${shown(layer.kernel.shape)})`;

/**
 * Sizes of a layer's kernel. A matrix is treated as a kernel over a map: its number of input channels is
 * required, and its columns must be `channels` times a square.
 *
 * @throws UsageError naming file, layer and shape when it is neither a kernel nor such a matrix
 */
const sizesOf = (path: string, layer: SourceLayer, channels: number): Sizes => {
  const { shape } = layer.kernel;
  if (shape.length === 4) {
    const size = (axis: string) => shape[layer.axes.indexOf(axis)]!;
    return { o: size('o'), i: size('i'), h: size('h'), w: size('w') };
  }
  if (shape.length !== 2) {
    throw expected('a kernel of 4 axes or a matrix', `the layer ${shapeText(layer)} of ${path}`, shape);
  }
  const [o, columns] = layer.axes.startsWith('o') ? [shape[0]!, shape[1]!] : [shape[1]!, shape[0]!];
  const side = Math.sqrt(columns / channels);
  if (!Number.isInteger(side) || side < 1) {
    throw expected(
      `${channels} channels times a square map`,
      `the inputs of the layer ${shapeText(layer)} of ${path}`,
      columns,
    );
  }
  return { o, i: channels, h: side, w: side };
};

interface Candidate {
  readonly net: Architecture;
  readonly matching: number;
  readonly problem?: string;
}

const MAX_SIDE = 1 << 16;

/** Convolutions keep the size of the map; fully-connected layers written as convolutions do not. */
const paddingFits = ({ padding }: SourceLayer, kind: 'conv' | 'dense', kernel: number): boolean =>
  padding === undefined || kernel === 1 || padding === (kind === 'conv' ? 'same' : 'none');

/** The state of comparing a file with a net. */
interface Comparison {
  /** Layers with weights compared so far, and how many match. */
  readonly weighted: number;
  readonly matching: number;
  /** Poolings and normalisations of the file that match. */
  readonly unweighted: number;
  /** The first layer with weights that does not match. */
  readonly problem?: string;
  /** The first pooling or normalisation that does not match. */
  readonly misplaced?: string;
}

/** Compares a file's layers with those of a net: a handler for traversing the net's layers. */
const comparison = (
  { config }: Architecture,
  { layers, unweighted }: SourceNet,
  sizes: readonly Sizes[],
): LayerHandler<Comparison> => {
  const problemOf = (
    i: number,
    { kind, name, inputs, outputs, kernel }: WeightedLayer,
  ): string | undefined => {
    const { o, i: c, h, w } = sizes[i]!;
    const layer = layers[i]!;
    const isMatrix = layer.kernel.shape.length === 2;
    if (o !== outputs || c !== inputs || h !== kernel || w !== kernel || (isMatrix && kind === 'conv')) {
      return (
        `Expected the shape [${outputs}, ${inputs}, ${kernel}, ${kernel}] for ${name} of configuration ${config} ` +
        `but received [${[o, c, h, w].join(', ')}] from the layer ${shapeText(layer)}`
      );
    }
    if (paddingFits(layer, kind, kernel)) return undefined;
    const padding = kind === 'conv' ? 'that keeps the size of the map' : 'of 0';
    return `Expected padding ${padding} for ${name} in the layer ${layer.name}`;
  };
  const weighted = (so: Comparison, layer: WeightedLayer): Comparison => {
    const met = { ...so, weighted: so.weighted + 1 };
    if (so.problem !== undefined) return met;
    const problem = problemOf(so.weighted, layer);
    return problem === undefined ? { ...met, matching: so.matching + 1 } : { ...met, problem };
  };
  const inPlace = (so: Comparison, { kind, name }: PoolLayer | LrnLayer): Comparison => {
    if (so.misplaced !== undefined) return so;
    const step = unweighted?.[so.unweighted];
    if (step?.kind === kind && step.after === so.weighted) return { ...so, unweighted: so.unweighted + 1 };
    const fileEnds = !step && so.weighted === layers.length; // A file may end before its last pool.
    if (kind === 'pool' && (!unweighted || fileEnds)) return so;
    const received = step ? `${step.name} after ${layers[step.after - 1]?.name ?? 'no layer'}` : 'none';
    const after = layers[so.weighted - 1]!.name;
    return {
      ...so,
      misplaced: `Expected ${name} of configuration ${config} after the layer ${after} but received ${received}`,
    };
  };
  return { conv: weighted, dense: weighted, relu: unchanged, pool: inPlace, lrn: inPlace };
};

/** fc6 and fc7, or fc8 too. */
const heads = [3, 2] as const;

/** Compares a list of kernels with a configuration of the given number of blocks. */
const compare = (all: readonly Sizes[], source: SourceNet, config: Config, blocks: number): Candidate => {
  const first = all[0]!;
  const trial = { config, blocks, width: widthFor(first.o), inputSize: 2 ** blocks };
  const convs = weightedLayersOf({ ...trial, fullyConnected: 0, outputs: 0 }).length;
  const [fc6, , fc8] = all.slice(convs);
  const hasTop = heads.some((count) => all.length === convs + count);
  const net: Architecture = {
    ...trial,
    inputSize: hasTop ? fc6!.h * 2 ** blocks : 7 * 2 ** blocks,
    fullyConnected: hasTop ? fc6!.o : 0,
    outputs: hasTop && fc8 ? fc8.o : 0,
  };
  if (all.length !== convs && !hasTop) {
    return { net, matching: -1, problem: `${all.length} layers with weights` };
  }
  const start: Comparison = { weighted: 0, matching: 0, unweighted: 0 };
  const found = interpret(layersOf(net), comparison(net, source, all), start);
  const extra = source.unweighted?.[found.unweighted];
  const problem =
    found.problem ??
    found.misplaced ??
    (extra &&
      `Expected no further pooling or normalisation of configuration ${config} but received ${extra.name}`);
  return { net, matching: found.matching, ...(problem === undefined ? {} : { problem }) };
};

/**
 * The architecture of a foreign file. `fullyConnected` and `outputs` are 0 for nets without fully-connected
 * layers; `outputs` is 0 for nets that end with fc7.
 *
 * @throws UsageError naming the file and the first layer that matches no VGG net
 */
export const recogniseNet = (
  path: string,
  source: SourceNet,
): { net: Architecture; sizes: readonly Sizes[] } => {
  const { layers } = source;
  if (layers.length === 0) throw expected('layers with weights', path, 'none');
  const sizes: Sizes[] = [];
  let channels = 3;
  for (const layer of layers) {
    const size = sizesOf(path, layer, channels);
    if (Object.values(size).some((n) => n < 1 || n > MAX_SIDE * MAX_SIDE)) {
      throw expected(
        'a kernel that is not empty',
        `the layer ${shapeText(layer)} of ${path}`,
        layer.kernel.shape,
      );
    }
    channels = size.o;
    sizes.push(size);
  }
  const candidates = configs.flatMap((config) =>
    [5, 4, 3, 2, 1].map((blocks) => compare(sizes, source, config, blocks)),
  );
  const found = candidates.find(({ problem }) => problem === undefined);
  if (found) return { net: found.net, sizes };
  const nearest = candidates.reduce((best, next) => (next.matching > best.matching ? next : best));
  throw new UsageError(
    nearest.matching < 0
      ? `Expected the layers of a VGG net for ${path} but received ${layers.length} layers with weights ` +
          `(${layers.slice(0, 3).map(shapeText).join(', ')}, …): no configuration has so many.`
      : `The weights of ${path} are those of no VGG net. ${nearest.problem ?? ''}.`,
  );
};
