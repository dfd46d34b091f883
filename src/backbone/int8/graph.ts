// Compiles a quantised net to a dense ONNX graph: 8-bit pixels and activations, 32-bit sums, float32 from fc7 on.
import { open, readFile } from 'node:fs/promises';
import { GraphBuilder } from '../../engine/onnx.js';
import type { Tensor } from '../../engine/tensor.js';
import { UsageError, option, text } from '../../errors.js';
import { type WeightedLayer, weightedLayersOf } from '../nets/architecture.js';
import type { Backbone } from '../nets/backbone.js';
import {
  type CompiledGraph,
  type GraphOptions,
  classCount,
  classScores,
  externalFile,
  globalAverage,
  withFlipped,
} from '../nets/graph.js';
import { interpret } from '../nets/interpret.js';
import { type NamedLayer, namedLayers } from '../nets/layer-names.js';
import { type Constant, Int8Layers, type Value } from './layers.js';
import { meanPixel, readQuantised } from './quantise.js';

type Quantised = Awaited<ReturnType<typeof readQuantised>>;

const types = { F32: 'float32', I32: 'int32', I8: 'int8' } as const;

const pointing = (graph: GraphBuilder, location: string, { tensors }: Quantised): Constant => {
  return (name, dims) => {
    const { dtype, offset, length } = tensors.get(name)!;
    return graph.constant(name, { type: types[dtype as keyof typeof types], dims, location, offset, length });
  };
};

const embedding = async (graph: GraphBuilder, path: string, { tensors }: Quantised): Promise<Constant> => {
  const bytes = await readFile(path);
  const arrays = { F32: Float32Array, I32: Int32Array, I8: Int8Array };
  return (name, dims) => {
    const { dtype, offset, length } = tensors.get(name)!;
    const kind = dtype as keyof typeof types;
    const copy = new Uint8Array(bytes.subarray(offset, offset + length));
    const data = new arrays[kind](copy.buffer);
    return graph.constant(name, { type: types[kind], dims, data });
  };
};

/**
 * Channels of the first convolution's input; the last has zero weights. The fast kernels need a multiple of
 * four.
 */
const FIRST_CHANNELS = 4;

/** The first convolution's kernels [outputs, 3, k, k] with a fourth channel of zeros. */
const withFourthChannel = async (
  path: string,
  { tensors }: Quantised,
  layer: WeightedLayer,
): Promise<Tensor> => {
  const { name, inputs, outputs, kernel } = layer;
  const { offset, length } = tensors.get(`${name}.weight`)!;
  const stored = new Int8Array(length);
  const file = await open(path, 'r');
  try {
    await file.read(stored, 0, length, offset);
  } finally {
    await file.close();
  }
  const area = kernel * kernel;
  const data = new Int8Array(outputs * FIRST_CHANNELS * area);
  for (let o = 0; o < outputs; o++)
    data.set(stored.subarray(o * inputs * area, (o + 1) * inputs * area), o * FIRST_CHANNELS * area);
  return { type: 'int8', dims: [outputs, FIRST_CHANNELS, kernel, kernel], data };
};

/**
 * uint8 [1, h, w, 3] to [batch, 4, h + 2 padding, w + 2 padding], with a border of the mean colour; the fourth channel
 * repeats the first.
 */
const paddedInput = (
  graph: GraphBuilder,
  pixels: string,
  flip: boolean,
  colour: readonly number[],
  padding: number,
): string => {
  const chw = graph.node('Transpose', [pixels], { perm: [0, 3, 1, 2] });
  const batch = flip ? withFlipped(graph, chw) : chw;
  const first = graph.node('Split', [batch], { axis: 1, num_outputs: 3 }, { outputs: 3, name: 'channel' });
  const pads = graph.ints(0, 0, padding, padding, 0, 0, padding, padding);
  const padded = [first, `${first}.1`, `${first}.2`].map((channel, c) => {
    const value = graph.constant(`border_${c}`, { type: 'uint8', dims: [], data: Uint8Array.of(colour[c]!) });
    return graph.node('Pad', [channel, pads, value]);
  });
  return graph.node('Concat', [...padded, padded[0]!], { axis: 1 });
};

/** Where the weights of an 8-bit graph are stored, and which operators it may use. */
interface Int8GraphOptions extends GraphOptions {
  /** Stores the weights in the model itself (not for a net of more than 2 GB). */
  readonly embed?: boolean;
  /** Name of a copy of the quantised file that the model points to; default: the file itself. */
  readonly location?: string;
  /** Use standard ONNX operators only, for other runtimes. */
  readonly standard?: boolean;
}

/** A graph before its outputs are declared: the value of each requested layer, a vector [channels]. */
interface Int8Graph {
  readonly graph: GraphBuilder;
  readonly values: readonly (readonly [layer: NamedLayer, value: string])[];
}

/**
 * The dense net in 8-bit arithmetic, before outputs are declared: see {@link compileInt8Graph}.
 *
 * @throws UsageError for a layer that int8 cannot output, or for a file of another backbone
 */
export const buildInt8Graph = async (
  path: string,
  backbone: Backbone,
  { layers, flip, embed = false, location = externalFile(path).name, standard = false }: Int8GraphOptions,
): Promise<Int8Graph> => {
  const quantised = await readQuantised(path);
  const { ranges, source } = quantised.metadata;
  if (source !== (await backbone.sha256()))
    throw new UsageError(`${path} was not made from ${backbone.path}. Delete it; it is then made again.`);
  const { named, needed } = namedLayers(backbone.metadata.architecture, layers, classCount(backbone));
  const linear = named.find(({ form, layer }) => form === 'linear' && layer.name !== 'fc7');
  if (linear) {
    throw new UsageError(
      text`${option('precision')} int8 gives ${linear.layer.name} after its ReLU only, not ${linear.name}.`,
    );
  }
  const graph = new GraphBuilder();
  const constant = embed ? await embedding(graph, path, quantised) : pointing(graph, location, quantised);
  const [firstLayer] = weightedLayersOf(backbone.metadata.architecture) as [WeightedLayer];
  const firstKernels = await withFourthChannel(path, quantised, firstLayer);
  const handler = new Int8Layers(graph, constant, firstKernels, ranges, { batch: flip ? 2 : 1, standard });
  const vectorOf = (value: Value, wanted: NamedLayer): string => {
    const { layer, form } = wanted;
    if (layer.name === 'fc7') return graph.node('ReduceMean', [value.name, graph.ints(0)], { keepdims: 0 });
    const map = handler.toFloat(value);
    const isScores = form === 'posterior' || form === 'softmax';
    return globalAverage(graph, isScores ? classScores(graph, map, backbone) : map, wanted);
  };
  const pixels = graph.input('pixels', 'uint8', [1, 'height', 'width', 3]);
  const colour = meanPixel(backbone.metadata.input);
  const image = paddedInput(graph, pixels, flip, colour, firstLayer.padding);
  const outputs = new Map<NamedLayer, string>();
  interpret<Value>(needed, handler, { name: image, type: 'bytes' }, (layer, values) => {
    for (const wanted of named.filter((each) => each.layer.name === layer.name))
      outputs.set(wanted, vectorOf(wanted.form === 'linear' ? values.linear : values.output, wanted));
  });
  return { graph, values: named.map((wanted) => [wanted, outputs.get(wanted)!]) };
};

/**
 * Compiles the dense net in 8-bit arithmetic. Layers are available after ReLU; fc7 also before it, fc8 in all
 * forms.
 *
 * @param path the quantised file that `writeQuantised` made from this backbone
 * @throws UsageError for a layer that int8 cannot output, or for a file of another backbone
 */
export const compileInt8Graph = async (
  path: string,
  backbone: Backbone,
  options: Int8GraphOptions,
): Promise<CompiledGraph> => {
  const { graph, values } = await buildInt8Graph(path, backbone, options);
  const outputs = values.map(([{ channels }, value]) => graph.output(value, 'float32', [channels]));
  return {
    model: graph.model(),
    externalDataFolder: externalFile(path).folder,
    layers: values.map(([layer]) => layer),
    outputs,
  };
};
