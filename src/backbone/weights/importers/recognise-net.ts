// Which VGG net a row of layers is: configuration, width, blocks and sizes, from its kernels and from where it pools.
import { UsageError, expected, shown } from '../../../errors.js';
import {
  type Architecture,
  type Config,
  configs,
  layersOf,
  normalisesResponses,
  weightedLayersOf,
  widthFor,
} from '../../nets/architecture.js';
import type { Sizes } from './permute.js';
import type { SourceLayer, SourceNet } from './source.js';

const shapeText = (layer: SourceLayer): string =>
  `${layer.name} (${layer.axes} ${shown(layer.kernel.shape)})`;

/**
 * Sizes of a layer's kernel. A matrix is a kernel over a map: the number of its input channels must be given, and its
 * columns must be `channels` times a square.
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

/** Where a file pools otherwise than the net, in words; undefined where it does not, or where the file does not say. */
const poolingProblem = (net: Architecture, { pools, layers }: SourceNet): string | undefined => {
  if (!pools) return undefined;
  let after = 0;
  const wanted: { name: string; after: number }[] = [];
  for (const { kind, name } of layersOf(net)) {
    if (kind === 'conv' || kind === 'dense') after++;
    else if (kind === 'pool') wanted.push({ name, after });
  }
  // A file may end before its last pool.
  const last = wanted.at(-1);
  if (pools.length === wanted.length - 1 && last?.after === layers.length) wanted.pop();
  for (const [i, { name, after: place }] of wanted.entries()) {
    const pool = pools[i];
    if (pool?.after === place) continue;
    return (
      `Expected ${name} of configuration ${net.config} after the layer ${layers[place - 1]!.name} ` +
      `but received ${pool ? `${pool.name} after ${layers[pool.after - 1]?.name ?? 'no layer'}` : 'none'}`
    );
  }
  const extra = pools[wanted.length];
  return (
    extra &&
    `Expected ${wanted.length} poolings of configuration ${net.config} but received ${extra.name} too`
  );
};

/** Convolutions keep the size of the map; fully-connected layers written as convolutions do not. */
const paddingFits = ({ padding }: SourceLayer, kind: 'conv' | 'dense', kernel: number): boolean =>
  padding === undefined || kernel === 1 || padding === (kind === 'conv' ? 'same' : 'none');

/** fc6 and fc7, or fc8 too. */
const heads = [3, 2] as const;

/** How far a row of kernels agrees with a configuration of so many blocks. */
const compare = (all: readonly Sizes[], source: SourceNet, config: Config, blocks: number): Candidate => {
  const { layers } = source;
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
  const wanted = weightedLayersOf(net);
  for (const [i, { kind, name, inputs, outputs, kernel }] of wanted.entries()) {
    const { o, i: c, h, w } = all[i]!;
    const layer = layers[i]!;
    const isMatrix = layer.kernel.shape.length === 2;
    if (o !== outputs || c !== inputs || h !== kernel || w !== kernel || (isMatrix && kind === 'conv')) {
      const received = `[${[o, c, h, w].join(', ')}]`;
      return {
        net,
        matching: i,
        problem:
          `Expected the shape [${outputs}, ${inputs}, ${kernel}, ${kernel}] for ${name} of configuration ${config} ` +
          `but received ${received} from the layer ${shapeText(layer)}`,
      };
    }
    if (!paddingFits(layer, kind, kernel)) {
      const padding = kind === 'conv' ? 'that keeps the size of the map' : 'of 0';
      return {
        net,
        matching: i,
        problem: `Expected padding ${padding} for ${name} in the layer ${layer.name}`,
      };
    }
  }
  const problem = poolingProblem(net, source);
  return { net, matching: wanted.length, ...(problem === undefined ? {} : { problem }) };
};

/**
 * The architecture of a foreign file. Nets without the fully-connected layers have `fullyConnected` and `outputs` 0;
 * those that end with fc7 have `outputs` 0.
 *
 * @throws UsageError that names the file and the first layer that fits no VGG net
 */
export const recogniseNet = (
  path: string,
  source: SourceNet,
): { net: Architecture; sizes: readonly Sizes[] } => {
  const { layers, lrn = false } = source;
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
  const candidates = configs
    .filter((config) => normalisesResponses(config) === lrn)
    .flatMap((config) => [5, 4, 3, 2, 1].map((blocks) => compare(sizes, source, config, blocks)));
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
