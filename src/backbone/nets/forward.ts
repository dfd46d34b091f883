// The forward pass of a VGG net in tfjs: in training form (a square crop, dropout), and densely over a whole image.
import type * as tfjs from '@tensorflow/tfjs-core';
import { expected } from '../../errors.js';
import {
  type Architecture,
  type DenseLayer,
  type Layer,
  type WeightedLayer,
  layersOf,
  lrn,
} from './architecture.js';
import type { Random } from '../../random.js';

/** tfjs-core with a backend set, as an engine gives it. */
export type Tf = typeof tfjs;

/** Weights by their names in backbone files (`conv1_1.weight`), in tfjs's layout (see layout.ts). */
export type Weights = ReadonlyMap<string, tfjs.Tensor>;

/** How dropout is drawn: a rate in [0, 1), and a stream for each of fc6 and fc7 that goes on from batch to batch. */
export interface Dropout {
  readonly rate: number;
  readonly streams: Readonly<Record<'fc6' | 'fc7', Random>>;
}

const weightsOf = (weights: Weights, { name }: WeightedLayer) => {
  const [weight, bias] = [weights.get(`${name}.weight`), weights.get(`${name}.bias`)];
  if (!weight || !bias) throw expected(`weights and bias of ${name}`, 'weights', [...weights.keys()]);
  return { weight, bias };
};

/** 0 with probability `rate`, else 1 / (1 - rate), so that the expected activation stays what it is without dropout. */
const dropoutMask = (tf: Tf, shape: [number, number], rate: number, random: Random): tfjs.Tensor2D => {
  const mask = new Float32Array(shape[0] * shape[1]);
  const threshold = rate * 2 ** 32;
  const kept = 1 / (1 - rate);
  for (let i = 0; i < mask.length; i++) mask[i] = random.uint32() < threshold ? 0 : kept;
  return tf.tensor2d(mask, shape);
};

/** A convolution, normalisation or pooling layer on a map [batch, height, width, channels]. */
const onMap = (
  tf: Tf,
  layer: Exclude<Layer, DenseLayer>,
  x: tfjs.Tensor4D,
  weights: Weights,
): tfjs.Tensor4D => {
  switch (layer.kind) {
    case 'conv': {
      const { weight, bias } = weightsOf(weights, layer);
      // The bias goes with the convolution; a fused ReLU would have no gradient.
      const filter = weight as tfjs.Tensor4D;
      return tf.relu(tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same' }));
    }
    case 'lrn':
      return tf.localResponseNormalization(x, (lrn.size - 1) / 2, lrn.k, lrn.alpha, lrn.beta);
    case 'pool':
      return tf.maxPool(x, 2, 2, 'valid');
  }
};

/** Sees each layer's output as it is made: for looking at activations. It must not dispose or keep them. */
export type Visit = (layer: Layer, output: tfjs.Tensor) => void;

/**
 * Class scores (before soft-max) of square crops.
 *
 * @param x normalised pixels [batch, inputSize, inputSize, 3]
 * @param dropout drops units after fc6 and fc7 (training); without it the pass is the test-time one
 * @returns [batch, outputs]; call inside `tf.tidy`
 * @throws UsageError when `x` has another size
 */
export const forward = (
  tf: Tf,
  net: Architecture,
  weights: Weights,
  x: tfjs.Tensor4D,
  { dropout, visit }: { readonly dropout?: Dropout | undefined; readonly visit?: Visit } = {},
): tfjs.Tensor2D => {
  const [batch, height, width, channels] = x.shape;
  if (height !== net.inputSize || width !== net.inputSize || channels !== 3) {
    throw expected(`[batch, ${net.inputSize}, ${net.inputSize}, 3]`, 'the input of forward', x.shape);
  }
  let map = x;
  let units: tfjs.Tensor2D | undefined;
  for (const layer of layersOf(net)) {
    if (layer.kind !== 'dense') {
      map = onMap(tf, layer, map, weights);
      visit?.(layer, map);
      continue;
    }
    const { weight, bias } = weightsOf(weights, layer);
    const a: tfjs.Tensor2D = units ?? tf.reshape(map, [batch, -1]);
    units = tf.fused.matMul({ a, b: weight, bias }) as tfjs.Tensor2D;
    if (layer.name !== 'fc8') {
      units = tf.relu(units);
      if (dropout && dropout.rate > 0) {
        units = tf.mul(units, dropoutMask(tf, units.shape, dropout.rate, dropout.streams[layer.name]));
      }
    }
    visit?.(layer, units);
  }
  return units as tfjs.Tensor2D;
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
  let map = x;
  for (const each of layersOf(net)) {
    if (each.kind !== 'dense') map = onMap(tf, each, map, weights);
    else {
      const { inputs, outputs, kernel } = each;
      const { weight, bias } = weightsOf(weights, each);
      const filter = tf.reshape<tfjs.Rank.R4>(weight, [kernel, kernel, inputs, outputs]);
      map = tf.fused.conv2d({ x: map, filter, bias, strides: 1, pad: 'valid' });
      if (each.name !== 'fc8') map = tf.relu(map);
      if (each.name === layer) break;
    }
  }
  return map;
};
