// The VGG nets as one table, and the same nets at other widths, depths and input sizes.
import { expected, option } from '../../errors.js';
import { sizeFromShape } from '../../shape.js';

/**
 * A block without its max-pool: the (odd) kernel sizes of its convolutions, then "lrn" for local response
 * normalisation.
 */
type Block = readonly number[] | readonly [...number[], 'lrn'];

/**
 * The nets: the columns of the paper's table 1, and its comparison net of section 4.1. To add a net, add a
 * row.
 */
const table = {
  A: [[3], [3], [3, 3], [3, 3], [3, 3]],
  'A-LRN': [[3, 'lrn'], [3], [3, 3], [3, 3], [3, 3]],
  B: [
    [3, 3],
    [3, 3],
    [3, 3],
    [3, 3],
    [3, 3],
  ],
  C: [
    [3, 3],
    [3, 3],
    [3, 3, 1],
    [3, 3, 1],
    [3, 3, 1],
  ],
  D: [
    [3, 3],
    [3, 3],
    [3, 3, 3],
    [3, 3, 3],
    [3, 3, 3],
  ],
  E: [
    [3, 3],
    [3, 3],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
  ],
  'B-5x5': [[5], [5], [5], [5], [5]],
} as const satisfies Readonly<Record<string, readonly [Block, Block, Block, Block, Block]>>;

export type Config = keyof typeof table;
/** Names of the nets, in the order of the table. */
export const configs = Object.keys(table) as readonly Config[];

/** Output channels of the convolutions of each block, at width 1. */
const channels = [64, 128, 256, 512, 512] as const;

/** The parameters of a net's shape. The paper's nets have the values in brackets. */
export interface Architecture {
  readonly config: Config;
  /** Factor on the channels of every convolution [1]. */
  readonly width: number;
  /** Number of convolution blocks; each ends with a 2x2 max-pool [5]. */
  readonly blocks: number;
  /** Side of the square training crop in pixels [224], a multiple of 2^blocks. */
  readonly inputSize: number;
  /**
   * Units of fc6 and fc7 [4096]; 0, with 0 outputs, for the convolutional part only (Keras's "notop" files).
   */
  readonly fullyConnected: number;
  /**
   * Units of fc8: the classes, then the superclasses if the net was trained with both [1000]; 0 for a net
   * that ends with fc7.
   */
  readonly outputs: number;
  /**
   * Batch normalisation between each convolution and its ReLU; missing for none. Only a net in training has it (see batch-norm.ts).
   */
  readonly batchNorm?: true;
}

/** Convolution with stride 1 that keeps the size of the map, followed by ReLU. */
export interface ConvLayer {
  readonly kind: 'conv';
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Kernel size. */
  readonly kernel: number;
  /** Zero padding on each side of the map. */
  readonly padding: number;
  /** Batch normalisation before ReLU; the convolution has no bias of its own then. */
  readonly batchNorm?: true;
  readonly relu: true;
}

/** Fully-connected layer; on a map it is a convolution with a `kernel` x `kernel` window. */
export interface DenseLayer {
  readonly kind: 'dense';
  readonly name: 'fc6' | 'fc7' | 'fc8';
  /** Channels of the input map; the matrix has `inputs * kernel * kernel` columns. */
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly padding: 0;
  /** ReLU and, in training, dropout follow fc6 and fc7. */
  readonly relu: boolean;
}

/**
 * Local response normalisation over channels by Krizhevsky's formula: x / (k + alpha * sum of squares over `size`
 * neighbouring channels) ^ beta. ONNX and Caffe divide alpha by the size: there alpha is 5e-4.
 */
export interface LrnLayer {
  readonly kind: 'lrn';
  readonly name: string;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

/** 2x2 max-pooling with stride 2; an odd last row or column is dropped. */
export interface PoolLayer {
  readonly kind: 'pool';
  readonly name: string;
}

export type WeightedLayer = ConvLayer | DenseLayer;
export type Layer = WeightedLayer | LrnLayer | PoolLayer;

/** Krizhevsky's constants of local response normalisation. */
export const lrn = { size: 5, alpha: 1e-4, beta: 0.75, k: 2 } as const;

/**
 * Checks an architecture; omitted values default to the paper's.
 *
 * @throws UsageError naming the invalid option
 */
export const architecture = (options: Partial<Architecture> & { readonly config: Config }): Architecture => {
  const { config, width = 1, blocks = 5, inputSize = 224, fullyConnected = 4096, outputs = 1000 } = options;
  if (!configs.includes(config)) throw expected(`one of ${configs.join(', ')}`, option('config'), config);
  if (!(Number.isFinite(width) && width > 0)) throw expected('a number above 0', option('width'), width);
  if (!(Number.isInteger(blocks) && blocks >= 1 && blocks <= channels.length)) {
    throw expected(`a whole number from 1 to ${channels.length}`, option('blocks'), blocks);
  }
  const step = 2 ** blocks;
  if (!(Number.isInteger(inputSize) && inputSize >= step && inputSize % step === 0)) {
    const below = Math.max(step, Math.floor(inputSize / step) * step);
    throw expected(
      `a multiple of ${step} (${blocks} blocks halve the map ${blocks} times)`,
      option('inputSize'),
      inputSize,
      Number.isFinite(below) ? `Give ${below} or ${below + step}.` : undefined,
    );
  }
  for (const [flag, value] of [
    [option('fullyConnected'), fullyConnected],
    ['outputs', outputs],
  ] as const) {
    const least = outputs === 0 ? 0 : 1;
    if (!(Number.isInteger(value) && value >= least)) {
      throw expected('a whole number of at least 1', flag, value);
    }
  }
  return {
    ...{ config, width, blocks, inputSize, fullyConnected, outputs },
    ...(options.batchNorm && { batchNorm: true }),
  };
};

/** The side of the map that enters fc6: 7 for the paper's nets. */
export const lastMapSide = ({ inputSize, blocks }: Architecture): number => inputSize / 2 ** blocks;

/** The width at which the first convolution has the given number of output channels. */
export const widthFor = (firstChannels: number): number => firstChannels / channels[0];

/** Every layer in order: conv1_1, (lrn1,) …, pool1, …, fc6, fc7, fc8. */
export const layersOf = (net: Architecture): readonly Layer[] => {
  const layers: Layer[] = [];
  const blocks: readonly Block[] = table[net.config].slice(0, net.blocks);
  let inputs = 3;
  for (const [i, block] of blocks.entries()) {
    const number = i + 1;
    const outputs = Math.max(1, Math.round(channels[i]! * net.width));
    for (const [j, kernel] of block.entries()) {
      if (kernel === 'lrn') {
        layers.push({ kind: 'lrn', name: `lrn${number}`, ...lrn });
        continue;
      }
      const [name, padding] = [`conv${number}_${j + 1}`, (kernel - 1) / 2];
      layers.push({
        ...{ kind: 'conv', name, inputs, outputs, kernel, padding, relu: true },
        ...(net.batchNorm && { batchNorm: true }),
      });
      inputs = outputs;
    }
    layers.push({ kind: 'pool', name: `pool${number}` });
  }
  const { fullyConnected: units } = net;
  if (units === 0) return layers;
  const dense = { kind: 'dense', padding: 0 } as const;
  layers.push(
    { ...dense, name: 'fc6', inputs, outputs: units, kernel: lastMapSide(net), relu: true },
    { ...dense, name: 'fc7', inputs: units, outputs: units, kernel: 1, relu: true },
  );
  if (net.outputs > 0) {
    layers.push({ ...dense, name: 'fc8', inputs: units, outputs: net.outputs, kernel: 1, relu: false });
  }
  return layers;
};

/** The layers that have weights, in order. */
export const weightedLayersOf = (net: Architecture): readonly WeightedLayer[] =>
  layersOf(net).filter((layer): layer is WeightedLayer => layer.kind === 'conv' || layer.kind === 'dense');

/**
 * Names and shapes of the tensors of a backbone file, in the order of the layers: `conv1_1.weight`
 * [out, in, height, width], `conv1_1.bias` [out], …, `fc6.weight` [out, channels * height * width], …
 */
export const weightShapes = (net: Architecture): ReadonlyMap<string, readonly number[]> => {
  const shapes = new Map<string, readonly number[]>();
  for (const { kind, name, inputs, outputs, kernel } of weightedLayersOf(net)) {
    shapes.set(
      `${name}.weight`,
      kind === 'conv' ? [outputs, inputs, kernel, kernel] : [outputs, inputs * kernel * kernel],
    );
    shapes.set(`${name}.bias`, [outputs]);
  }
  return shapes;
};

/** Number of weights and biases in the net. */
export const parameterCount = (net: Architecture): number =>
  [...weightShapes(net).values()].reduce((sum, shape) => sum + sizeFromShape(shape), 0);
