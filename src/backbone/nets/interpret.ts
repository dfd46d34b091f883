// Traverses the layers of a net. Code that computes, writes or compares nets implements its handlers.
import { expected } from '../../errors.js';
import type { ConvLayer, DenseLayer, Layer, LrnLayer, PoolLayer, WeightedLayer } from './architecture.js';

/**
 * The handler of each kind of layer. `T` may be a tensor, the name of a value in a graph, or a list under
 * construction.
 */
export interface LayerHandler<T> {
  /** A convolution and its bias, without ReLU. */
  conv(x: T, layer: ConvLayer): T;
  /** Between a convolution and its ReLU, in training only. */
  batchNorm?(x: T, layer: ConvLayer): T;
  /** A fully-connected layer and its bias, without ReLU. */
  dense(x: T, layer: DenseLayer): T;
  relu(x: T, layer: WeightedLayer): T;
  lrn(x: T, layer: LrnLayer): T;
  pool(x: T, layer: PoolLayer): T;
  /** Before the first fully-connected layer, if those are matrix products: flattens the map to a vector. */
  flatten?(x: T): T;
  /** After the ReLU of a fully-connected layer, in training only. */
  dropout?(x: T, layer: DenseLayer): T;
}

/** Called with every layer's value before ReLU and its output; both are the same if no ReLU follows. */
type OnLayer<T> = (layer: Layer, values: { readonly linear: T; readonly output: T }) => void;

/** For handlers that ignore a kind of layer. */
export const unchanged = <T>(x: T): T => x;

/** Passes a value through the layers in order. Returns the last layer's output. */
export const interpret = <T>(
  layers: readonly Layer[],
  handler: LayerHandler<T>,
  input: T,
  onLayer?: OnLayer<T>,
): T => {
  let x = input;
  let flat = false;
  for (const layer of layers) {
    if (layer.kind === 'dense' && !flat) {
      x = handler.flatten?.(x) ?? x;
      flat = true;
    }
    const linear = linearOf(handler, layer, x);
    x = 'relu' in layer && layer.relu ? handler.relu(linear, layer) : linear;
    if (layer.kind === 'dense' && layer.relu) x = handler.dropout?.(x, layer) ?? x;
    onLayer?.(layer, { linear, output: x });
  }
  return x;
};

const normalisedOf = <T>(handler: LayerHandler<T>, layer: ConvLayer, x: T): T => {
  if (!handler.batchNorm) throw expected('a net with its batch normalisation folded', layer.name, layer);
  return handler.batchNorm(handler.conv(x, layer), layer);
};

const linearOf = <T>(handler: LayerHandler<T>, layer: Layer, x: T): T => {
  switch (layer.kind) {
    case 'conv':
      return layer.batchNorm ? normalisedOf(handler, layer, x) : handler.conv(x, layer);
    case 'dense':
      return handler.dense(x, layer);
    case 'lrn':
      return handler.lrn(x, layer);
    case 'pool':
      return handler.pool(x, layer);
  }
};
