// Compiles a backbone to a dense ONNX graph: pixels in, averaged activations of the chosen layers out (sec. 3.2).
import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type ExternalTensor, GraphBuilder } from '../../engine/onnx.js';
import type { Tensor } from '../../engine/tensor.js';
import type { LrnLayer, WeightedLayer } from './architecture.js';
import type { Backbone, InputNormalisation } from './backbone.js';
import { type LayerHandler, interpret } from './interpret.js';
import { type NamedLayer, namedLayers } from './layer-names.js';

/**
 * A graph that takes `pixels`, uint8 [1, height, width, 3] in RGB, and returns a vector [channels] for each
 * requested layer.
 */
export interface CompiledGraph {
  readonly model: Uint8Array;
  /** Folder of the weights file. */
  readonly externalDataFolder: string;
  readonly layers: readonly NamedLayer[];
  /** Names of the outputs, in the order of `layers`. */
  readonly outputs: readonly string[];
}

/** Options of the graph. */
export interface GraphOptions {
  /** See layer-names.ts. */
  readonly layers: readonly string[];
  /** Whether the activations are averaged with those of the mirrored image. */
  readonly flip: boolean;
}

const floats = (...values: number[]): Tensor => ({
  type: 'float32',
  dims: [values.length],
  data: Float32Array.from(values),
});

/** uint8 [1, height, width, 3] to float [1, 3, height, width] in the net's order of channels. */
export const toNchw = (graph: GraphBuilder, pixels: string, order: 'rgb' | 'bgr'): string => {
  const chw = graph.node('Transpose', [pixels], { perm: [0, 3, 1, 2] });
  const channels = graph.ints(2, 1, 0);
  const ordered = order === 'bgr' ? graph.node('Gather', [chw, channels], { axis: 1 }) : chw;
  return graph.node('Cast', [ordered], { to: 1 });
};

/** x = (pixel * scale - mean) / std for each channel, as one product and one sum. */
export const normalise = (
  graph: GraphBuilder,
  x: string,
  { scale, mean, std }: InputNormalisation,
): string => {
  const perChannel = (name: string, values: number[]): string =>
    graph.constant(name, { ...floats(...values), dims: [1, 3, 1, 1] });
  const factor = perChannel(
    'input_factor',
    std.map((s) => scale / s),
  );
  const shift = perChannel(
    'input_shift',
    mean.map((m, c) => -m / std[c]!),
  );
  return graph.node('Add', [graph.node('Mul', [x, factor]), shift]);
};

/** The batch of an image and its horizontal flip. */
export const withFlipped = (graph: GraphBuilder, x: string): string => {
  const last = Number.MIN_SAFE_INTEGER; // before the first column, counted from the end
  const flipped = graph.node('Slice', [x, graph.ints(-1), graph.ints(last), graph.ints(3), graph.ints(-1)]);
  return graph.node('Concat', [x, flipped], { axis: 0 });
};

/**
 * Folder and name under which ONNX Runtime opens a file of weights. Links are resolved, because ONNX Runtime
 * refuses a file outside the folder.
 */
export const externalFile = (path: string): { folder: string; name: string } => {
  const real = realpathSync(path);
  return { folder: dirname(real), name: basename(real) };
};

/**
 * A layer's weights as constants stored in the backbone file itself; a matrix becomes a convolution kernel.
 *
 * ONNX Runtime copies convolution kernels twice to reorder them for speed. The fully-connected layers hold
 * nine tenths of the weights and a tenth of the arithmetic: reordering them takes ten times as long as it
 * saves, so they stay in the file.
 */
const weightConstants = (
  graph: GraphBuilder,
  backbone: Backbone,
  { kind, name, inputs, outputs, kernel }: WeightedLayer,
): [weight: string, bias: string] => {
  const external = (tensor: string, dims: number[]): string => {
    const { offset, length } = backbone.tensors.get(tensor)!;
    const constant: ExternalTensor = {
      type: 'float32',
      dims,
      location: externalFile(backbone.path).name,
      offset,
      length,
      stays: kind === 'dense' && tensor.endsWith('.weight'),
    };
    return graph.constant(tensor, constant);
  };
  return [external(`${name}.weight`, [outputs, inputs, kernel, kernel]), external(`${name}.bias`, [outputs])];
};

/** Averages over positions, then over the image and its flip: [batch, channels, h, w] to [channels]. */
export const globalAverage = (graph: GraphBuilder, x: string, { form }: NamedLayer): string => {
  const soft = (value: string): string => graph.node('Softmax', [value], { axis: 1 });
  let vector = graph.node('GlobalAveragePool', [form === 'softmax' ? soft(x) : x]);
  if (form === 'posterior') vector = soft(vector);
  return graph.node('ReduceMean', [vector, graph.ints(0, 2, 3)], { keepdims: 0 });
};

/** Parameters of ONNX's LRN, which divides alpha by the size. */
export const lrnAttributes = ({ size, alpha, beta, k }: LrnLayer): Record<string, number> => ({
  size,
  alpha: alpha * size,
  beta,
  bias: k,
});

/** Attributes of ONNX's Conv and QLinearConv. */
export const convAttributes = ({ kernel, padding }: Pick<WeightedLayer, 'kernel' | 'padding'>) => ({
  kernel_shape: [kernel, kernel],
  pads: [padding, padding, padding, padding],
});

export const poolAttributes = { kernel_shape: [2, 2], strides: [2, 2] } as const;

/** Number of fc8's outputs that are classes. */
export const classCount = ({ metadata: { classes, architecture } }: Backbone): number =>
  classes.length || architecture.outputs;

/** Class scores only: nets trained with superclasses have further outputs outside this soft-max. */
export const classScores = (graph: GraphBuilder, x: string, backbone: Backbone): string => {
  const classes = classCount(backbone);
  if (classes === backbone.metadata.architecture.outputs) return x;
  return graph.node('Slice', [x, graph.ints(0), graph.ints(classes), graph.ints(1)]);
};

/** Adds layers in float32 to a graph; fully-connected ones are convolutions. */
export const float32Handler = (graph: GraphBuilder, backbone: Backbone): LayerHandler<string> => {
  const convolution = (x: string, layer: WeightedLayer): string =>
    graph.node('Conv', [x, ...weightConstants(graph, backbone, layer)], convAttributes(layer));
  return {
    conv: convolution,
    dense: convolution,
    relu: (x) => graph.node('Relu', [x]),
    lrn: (x, layer) => graph.node('LRN', [x], lrnAttributes(layer)),
    pool: (x) => graph.node('MaxPool', [x], poolAttributes),
  };
};

/**
 * The dense net as an ONNX graph in float32. The fully-connected layers are convolutions, so that the input
 * may be any whole image at least as large as the net's input. Weights are not copied: the graph refers to
 * the backbone file.
 *
 * @throws UsageError for a layer that the net does not have
 */
export const compileGraph = (backbone: Backbone, { layers, flip }: GraphOptions): CompiledGraph => {
  const { named, needed } = namedLayers(backbone.metadata.architecture, layers, classCount(backbone));
  const graph = new GraphBuilder();
  const pixels = graph.input('pixels', 'uint8', [1, 'height', 'width', 3]);
  const { input } = backbone.metadata;
  const image = normalise(graph, toNchw(graph, pixels, input.order), input);
  const batch = flip ? withFlipped(graph, image) : image;
  const outputs = new Map<NamedLayer, string>();
  interpret(needed, float32Handler(graph, backbone), batch, (layer, { linear, output }) => {
    for (const wanted of named.filter((each) => each.layer.name === layer.name)) {
      const value =
        wanted.form === 'posterior' || wanted.form === 'softmax'
          ? classScores(graph, output, backbone)
          : wanted.form === 'linear'
            ? linear
            : output;
      outputs.set(wanted, globalAverage(graph, value, wanted));
    }
  });
  const names = named.map((wanted) => graph.output(outputs.get(wanted)!, 'float32', [wanted.channels]));
  return {
    model: graph.model(),
    externalDataFolder: externalFile(backbone.path).folder,
    layers: named,
    outputs: names,
  };
};
