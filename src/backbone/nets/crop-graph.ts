// The net on crops of its input size as an ONNX graph with real fully-connected layers, for other programs.
import { type ExternalTensor, GraphBuilder, type StreamedTensor } from '../../engine/onnx.js';
import { type WeightedLayer, lastMapSide, layersOf, weightShapes } from './architecture.js';
import type { Backbone } from './backbone.js';
import { convAttributes, lrnAttributes, poolAttributes } from './graph.js';
import { interpret } from './interpret.js';

/** The source of a weight's or bias's numbers. */
type WeightOf = (name: string, dims: readonly number[]) => ExternalTensor | StreamedTensor;

/**
 * The graph from `input` [batch, 3, side, side], normalised as the backbone's metadata says, to `fc7` (after
 * ReLU) and `scores`, or to the last pool for a net without fully-connected layers. Values have the names of
 * their layers.
 */
export const cropGraph = ({ metadata }: Backbone, weightOf: WeightOf): GraphBuilder => {
  const { architecture: net } = metadata;
  const graph = new GraphBuilder();
  const shapes = weightShapes(net);
  const weights = ({ name }: WeightedLayer): string[] =>
    [`${name}.weight`, `${name}.bias`].map((tensor) =>
      graph.constant(tensor, weightOf(tensor, shapes.get(tensor)!)),
    );
  /** The value before a ReLU is the layer's `linear`. */
  const nameOf = ({ name, relu }: WeightedLayer) => ({ name: relu ? `${name}.linear` : 'scores' });
  const input = graph.input('input', 'float32', ['batch', 3, net.inputSize, net.inputSize]);
  const last = interpret<string>(
    layersOf(net),
    {
      conv: (x, layer) => graph.node('Conv', [x, ...weights(layer)], convAttributes(layer), nameOf(layer)),
      dense: (x, layer) => graph.node('Gemm', [x, ...weights(layer)], { transB: 1 }, nameOf(layer)),
      flatten: (x) => graph.node('Flatten', [x], { axis: 1 }, { name: 'flat' }),
      relu: (x, { name }) => graph.node('Relu', [x], {}, { name }),
      lrn: (x, layer) => graph.node('LRN', [x], lrnAttributes(layer), { name: layer.name }),
      pool: (x, { name }) => graph.node('MaxPool', [x], poolAttributes, { name }),
    },
    input,
  );
  if (net.fullyConnected > 0) {
    graph.output('fc7', 'float32', ['batch', net.fullyConnected]);
    if (net.outputs > 0) graph.output('scores', 'float32', ['batch', net.outputs]);
  } else {
    const channels = [...shapes.values()].at(-1)![0]!;
    graph.output(last, 'float32', ['batch', channels, lastMapSide(net), lastMapSide(net)]);
  }
  return graph;
};
