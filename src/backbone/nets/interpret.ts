// The one walk over the layers of a net. Whatever computes, writes or compares nets is a handler of it.
import type { ConvLayer, DenseLayer, Layer, LrnLayer, PoolLayer, WeightedLayer } from './architecture.js';

/** What becomes of a value at each kind of layer. `T` may be a tensor, the name of a value in a graph, a list being made. */
export interface LayerHandler<T> {
  /** A convolution and its bias, without ReLU. */
  conv(x: T, layer: ConvLayer): T;
  /** A fully-connected layer and its bias, without ReLU. */
  dense(x: T, layer: DenseLayer): T;
  relu(x: T, layer: WeightedLayer): T;
  lrn(x: T, layer: LrnLayer): T;
  pool(x: T, layer: PoolLayer): T;
  /** Before the first fully-connected layer, where these are matrix products: the map as a vector. */
  flatten?(x: T): T;
  /** After the ReLU of a fully-connected layer, in training. */
  dropout?(x: T, layer: DenseLayer): T;
}

/** Sees every layer's value before ReLU and at its end; they are the same where no ReLU follows. */
type OnLayer<T> = (layer: Layer, values: { readonly linear: T; readonly output: T }) => void;

/** For handlers that pass over a kind of layer. */
export const unchanged = <T>(x: T): T => x;

/** Takes a value through layers in order. Gives the last one's output. */
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

const linearOf = <T>(handler: LayerHandler<T>, layer: Layer, x: T): T => {
  switch (layer.kind) {
    case 'conv':
      return handler.conv(x, layer);
    case 'dense':
      return handler.dense(x, layer);
    case 'lrn':
      return handler.lrn(x, layer);
    case 'pool':
      return handler.pool(x, layer);
  }
};
