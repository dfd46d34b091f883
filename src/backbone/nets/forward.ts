// The forward pass of a VGG net in tfjs: in training form (a square crop, dropout), and densely over a whole image.
import type * as tfjs from '@tensorflow/tfjs-core';
import { type Moments, batchNorm } from '../../engine/batch-norm.js';
import { expected } from '../../errors.js';
import type { Random } from '../../random.js';
import {
  type Architecture,
  type ConvLayer,
  type DenseLayer,
  type Layer,
  type LrnLayer,
  type WeightedLayer,
  layersOf,
} from './architecture.js';
import { EPSILON, scaleOf } from './batch-norm.js';
import { type LayerHandler, interpret } from './interpret.js';

/** tfjs-core with a backend set, as provided by an engine. */
export type Tf = typeof tfjs;

/** Weights by their names in backbone files (`conv1_1.weight`), in tfjs's layout (see layout.ts). */
export type Weights = ReadonlyMap<string, tfjs.Tensor>;

/**
 * Dropout: a rate in [0, 1), and a random stream for each of fc6 and fc7 that continues from batch to batch.
 */
export interface Dropout {
  readonly rate: number;
  readonly streams: Readonly<Record<'fc6' | 'fc7', Random>>;
}

const weightsOf = (weights: Weights, { name }: WeightedLayer) => {
  const [weight, bias] = [weights.get(`${name}.weight`), weights.get(`${name}.bias`)];
  if (!weight || !bias) throw expected(`weights and bias of ${name}`, 'weights', [...weights.keys()]);
  return { weight, bias };
};

/**
 * 0 with probability `rate`, else 1 / (1 - rate), so that the expected activation is the same as without
 * dropout.
 */
const dropoutMask = (tf: Tf, shape: [number, number], rate: number, random: Random): tfjs.Tensor2D => {
  const mask = new Float32Array(shape[0] * shape[1]);
  const threshold = rate * 2 ** 32;
  const kept = 1 / (1 - rate);
  for (let i = 0; i < mask.length; i++) mask[i] = random.uint32() < threshold ? 0 : kept;
  return tf.tensor2d(mask, shape);
};

/** Convolutions, ReLU, normalisation and pooling on maps [batch, height, width, channels]. */
const onMaps = (tf: Tf, weights: Weights) => ({
  conv: (x: tfjs.Tensor4D, layer: ConvLayer): tfjs.Tensor4D => {
    const { weight, bias } = weightsOf(weights, layer);
    const filter = weight as tfjs.Tensor4D;
    // At stride 1, 'same' equals `layer.padding`; some engines have gradients only for 'same'. The bias is
    // fused; a fused ReLU would have no gradient.
    return tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same' });
  },
  relu: <T extends tfjs.Tensor>(x: T): T => tf.relu(x),
  lrn: (x: tfjs.Tensor4D, { size, k, alpha, beta }: LrnLayer): tfjs.Tensor4D =>
    tf.localResponseNormalization(x, (size - 1) / 2, k, alpha, beta),
  pool: (x: tfjs.Tensor4D): tfjs.Tensor4D => tf.maxPool(x, 2, 2, 'valid'),
});

/** The net on square crops, with matrix products. */
const cropHandler = (
  tf: Tf,
  weights: Weights,
  { dropout, onMoments }: ForwardOptions,
): LayerHandler<tfjs.Tensor> => ({
  ...(onMaps(tf, weights) as Omit<LayerHandler<tfjs.Tensor>, 'dense'>),
  ...normalising(tf, weights, onMoments),
  flatten: (x) => tf.reshape(x, [x.shape[0], -1]),
  dense: (x, layer) => {
    const { weight, bias } = weightsOf(weights, layer);
    return tf.fused.matMul({ a: x, b: weight, bias });
  },
  ...(dropout && dropout.rate > 0
    ? {
        dropout: (x, { name }) => {
          const stream = dropout.streams[name as 'fc6' | 'fc7'];
          return tf.mul(x, dropoutMask(tf, x.shape as [number, number], dropout.rate, stream));
        },
      }
    : {}),
});

/** The net on whole images: fully-connected layers are convolutions over the map (paper, section 3.2). */
export const denseHandler = (tf: Tf, weights: Weights): LayerHandler<tfjs.Tensor4D> => ({
  ...onMaps(tf, weights),
  dense: (x, layer) => {
    const { inputs, outputs, kernel } = layer;
    const { weight, bias } = weightsOf(weights, layer);
    const filter = tf.reshape<tfjs.Rank.R4>(weight, [kernel, kernel, inputs, outputs]);
    return tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'valid' });
  },
});

/** Called with the moments of each batch normalisation, and of how many positions they are. */
export type OnMoments = (layer: ConvLayer, moments: Moments, count: number) => void;

/** Convolutions in training, of which normalisation follows some. */
const normalising = (
  tf: Tf,
  weights: Weights,
  onMoments: OnMoments | undefined,
): Pick<LayerHandler<tfjs.Tensor>, 'conv' | 'batchNorm'> => {
  const { conv } = onMaps(tf, weights);
  return {
    conv: (x, layer) => {
      if (!layer.batchNorm) return conv(x as tfjs.Tensor4D, layer);
      const filter = weightsOf(weights, layer).weight as tfjs.Tensor4D;
      return tf.conv2d(x as tfjs.Tensor4D, filter, 1, 'same');
    },
    batchNorm: (x, layer) => {
      const [n, rows, columns] = x.shape as [number, number, number];
      const [scale, shift] = [weights.get(scaleOf(layer)), weightsOf(weights, layer).bias];
      return batchNorm(
        x as tfjs.Tensor4D,
        scale as tfjs.Tensor1D,
        shift as tfjs.Tensor1D,
        EPSILON,
        (moments) => onMoments?.(layer, moments, n * rows * columns),
      );
    },
  };
};

/** Called with each layer's output, to inspect activations. It must not dispose or keep them. */
type Visit = (layer: Layer, output: tfjs.Tensor) => void;

interface ForwardOptions {
  readonly dropout?: Dropout | undefined;
  readonly onMoments?: OnMoments | undefined;
  readonly visit?: Visit | undefined;
}

/**
 * Class scores (before soft-max) of square crops.
 *
 * @param x normalised pixels [batch, inputSize, inputSize, 3]
 * @param options dropout drops units after fc6 and fc7 (training); without it the pass is the test-time one. A net with batch
 *   normalisation is normalised by the moments of `x`
 * @returns [batch, outputs]; call inside `tf.tidy`
 * @throws UsageError when `x` has a different size
 */
export const forward = (
  tf: Tf,
  net: Architecture,
  weights: Weights,
  x: tfjs.Tensor4D,
  options: ForwardOptions = {},
): tfjs.Tensor2D => {
  const [, height, width, channels] = x.shape;
  if (height !== net.inputSize || width !== net.inputSize || channels !== 3) {
    throw expected(`[batch, ${net.inputSize}, ${net.inputSize}, 3]`, 'the input of forward', x.shape);
  }
  const { visit } = options;
  return interpret<tfjs.Tensor>(
    layersOf(net),
    cropHandler(tf, weights, options),
    x,
    visit && ((layer, { output }) => visit(layer, output)),
  ) as tfjs.Tensor2D;
};

/**
 * The net applied densely (paper, section 3.2): the fully-connected layers become convolutions over the whole map.
 *
 * @param x normalised pixels [batch, height, width, 3], each side at least `inputSize`
 * @param layer `fc6` or `fc7` (after ReLU), or `fc8` (class scores before soft-max)
 * @returns a map [batch, height', width', units]; call inside `tf.tidy`
 * @throws UsageError when the image is too small for a single position
 */
export const denseForward = (
  tf: Tf,
  net: Architecture,
  weights: Weights,
  x: tfjs.Tensor4D,
  layer: DenseLayer['name'] = 'fc8',
): tfjs.Tensor4D => {
  const [, height, width] = x.shape;
  if (Math.min(height, width) < net.inputSize) {
    throw expected(`sides of at least ${net.inputSize} pixels`, 'the input of denseForward', x.shape);
  }
  const layers = layersOf(net);
  const last = layers.findIndex(({ name }) => name === layer);
  return interpret(last < 0 ? layers : layers.slice(0, last + 1), denseHandler(tf, weights), x);
};
