// Compiles a quantised net to a dense ONNX graph: 8-bit pixels and activations, 32-bit sums, float32 from fc7 on.
import { open, readFile } from 'node:fs/promises';
import { GraphBuilder } from '../../engine/onnx.js';
import type { Tensor } from '../../engine/tensor.js';
import { UsageError, option, text } from '../../errors.js';
import {
  type ConvLayer,
  type DenseLayer,
  type WeightedLayer,
  weightedLayersOf,
} from '../nets/architecture.js';
import type { Backbone } from '../nets/backbone.js';
import { quantisedLayers } from './calibration.js';
import {
  type CompiledGraph,
  type GraphOptions,
  averaged,
  classCount,
  classScores,
  lrnAttributes,
  placeOf,
  withMirror,
} from '../nets/graph.js';
import { type NamedLayer, namedLayers } from '../nets/layer-names.js';
import { levelOf, meanPixel, readQuantised } from './quantise.js';

type Quantised = Awaited<ReturnType<typeof readQuantised>>;

/** A constant of the quantised file: pointed to, or (for a file that stands alone) its bytes. */
type Constant = (name: string, dims: readonly number[]) => string;

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

/** Channels of the first convolution's input, the last without weight: the quick kernels take fours. */
const FIRST_CHANNELS = 4;

/** The first convolution's kernels [outputs, 3, k, k] with a fourth channel of zeros. */
const widened = async (path: string, { tensors }: Quantised, layer: WeightedLayer): Promise<Tensor> => {
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

/** uint8 [1, h, w, 3] to [batch, 4, h + 2, w + 2], with a border of the mean colour; the fourth channel repeats the first. */
const borderedPlanes = (
  graph: GraphBuilder,
  pixels: string,
  flip: boolean,
  colour: readonly number[],
): string => {
  const chw = graph.node('Transpose', [pixels], { perm: [0, 3, 1, 2] });
  const batch = flip ? withMirror(graph, chw) : chw;
  const first = graph.node('Split', [batch], { axis: 1, num_outputs: 3 }, { outputs: 3, name: 'channel' });
  const pads = graph.ints(0, 0, 1, 1, 0, 0, 1, 1);
  const padded = [first, `${first}.1`, `${first}.2`].map((channel, c) => {
    const value = graph.constant(`border_${c}`, { type: 'uint8', dims: [], data: Uint8Array.of(colour[c]!) });
    return graph.node('Pad', [channel, pads, value]);
  });
  return graph.node('Concat', [...padded, padded[0]!], { axis: 1 });
};

/** Where the weights of a graph in 8 bits lie, and which operators it may use. */
export interface Int8GraphOptions extends GraphOptions {
  /** Puts the weights into the model, so that it stands alone (not for a net of more than 2 GB). */
  readonly embed?: boolean;
  /** Name of a copy of the quantised file that the model points to; default: the file itself. */
  readonly location?: string;
  /** Operators of ONNX's own set only, for other runtimes. */
  readonly standard?: boolean;
}

/** A graph before its outputs are declared: the value of each layer asked for, a vector [channels]. */
export interface Int8Parts {
  readonly graph: GraphBuilder;
  readonly values: readonly (readonly [layer: NamedLayer, value: string])[];
}

/** fc7 before ReLU of rows of bytes, as float32: the sums in 32 bits times both levels, and the bias. */
const matrixProduct = (
  graph: GraphBuilder,
  rows: string,
  { weight, scale, bias }: { weight: string; scale: string; bias: string },
  level: string,
  [byteZero, int8Zero]: readonly [string, string],
  standard: boolean,
): string => {
  if (!standard) {
    const inputs = [rows, weight, level, scale, byteZero, int8Zero, bias];
    return graph.node('MatMulIntegerToFloat', inputs, {}, { domain: 'com.microsoft' });
  }
  const sums = graph.node('MatMulInteger', [rows, weight, byteZero, int8Zero]);
  const factor = graph.node('Mul', [level, scale]);
  return graph.node('Add', [graph.node('Mul', [graph.node('Cast', [sums], { to: 1 }), factor]), bias]);
};

/**
 * The dense net in 8-bit arithmetic, before outputs are declared: see {@link compileInt8Graph}.
 *
 * @throws UsageError for a layer that 8-bit arithmetic does not give, or a file of another backbone
 */
export const buildInt8Graph = async (
  path: string,
  backbone: Backbone,
  { layers, flip, embed = false, location = placeOf(path).name, standard = false }: Int8GraphOptions,
): Promise<Int8Parts> => {
  const quantised = await readQuantised(path);
  const { ranges, source } = quantised.metadata;
  if (source !== (await backbone.sha256()))
    throw new UsageError(`${path} was not made from ${backbone.path}: delete it, and it is made again.`);
  const { named, needed } = namedLayers(backbone.metadata.architecture, layers, classCount(backbone));
  const linear = named.find(({ form, layer }) => form === 'linear' && layer.name !== 'fc7');
  if (linear) {
    throw new UsageError(
      text`${option('precision')} int8 gives ${linear.layer.name} after its ReLU only, not ${linear.name}.`,
    );
  }
  const graph = new GraphBuilder();
  const constant = embed ? await embedding(graph, path, quantised) : pointing(graph, location, quantised);
  const byteZero = graph.constant('zero_uint8', { type: 'uint8', dims: [], data: Uint8Array.of(0) });
  const int8Zero = graph.constant('zero_int8', { type: 'int8', dims: [], data: Int8Array.of(0) });
  const [firstLayer] = weightedLayersOf(backbone.metadata.architecture);
  const firstKernels = await widened(path, quantised, firstLayer!);
  const levels = new Map<string, string>();
  /** The level of a stored activation as a constant; pixels have level 1. */
  const level = (point: string | undefined): string => {
    const key = point ?? 'pixels';
    const found = levels.get(key);
    if (found !== undefined) return found;
    const made = graph.scalar(point === undefined ? 1 : levelOf(ranges, point));
    levels.set(key, made);
    return made;
  };
  const toFloat = (x: string, point: string): string =>
    graph.node('DequantizeLinear', [x, level(point), byteZero]);

  /** QLinearConv: the cut at 0 of the unsigned output is the ReLU. */
  const convolution = (layer: ConvLayer | DenseLayer, x: string, before: string | undefined): string => {
    const { name, inputs, outputs, kernel } = layer;
    const pad = layer.kind === 'conv' && kernel === 3 && before !== undefined ? 1 : 0;
    return graph.node(
      'QLinearConv',
      [
        x,
        level(before),
        byteZero,
        before === undefined
          ? graph.constant(`${name}.weight`, firstKernels)
          : constant(`${name}.weight`, [outputs, inputs, kernel, kernel]),
        constant(`${name}.scale`, [outputs]),
        int8Zero,
        level(name),
        byteZero,
        constant(`${name}.bias`, [outputs]),
      ],
      { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] },
    );
  };

  const outputs = new Map<NamedLayer, string>();
  const wantedOf = (name: string): readonly NamedLayer[] => named.filter(({ layer }) => layer.name === name);
  const pixels = graph.input('pixels', 'uint8', [1, 'height', 'width', 3]);
  const { input } = backbone.metadata;
  let x = borderedPlanes(graph, pixels, flip, meanPixel(input));
  let point: string | undefined;
  for (const layer of quantisedLayers(needed)) {
    switch (layer.kind) {
      case 'pool':
        x = graph.node('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] });
        break;
      case 'lrn': {
        const normalised = graph.node('LRN', [toFloat(x, point!)], lrnAttributes);
        point = layer.name;
        x = graph.node('QuantizeLinear', [normalised, level(point), byteZero]);
        break;
      }
      default:
        x = convolution(layer, x, point);
        point = layer.name;
    }
    for (const wanted of wantedOf(layer.name))
      outputs.set(wanted, averaged(graph, toFloat(x, point!), wanted));
  }
  const fc7 = needed.find((layer): layer is DenseLayer => layer.name === 'fc7');
  const fc8 = needed.find((layer): layer is DenseLayer => layer.name === 'fc8');
  if (fc7) {
    // Positions as rows: [batch * h * w, units].
    const rows = graph.node('Reshape', [
      graph.node('Transpose', [x], { perm: [0, 2, 3, 1] }),
      graph.ints(-1, fc7.inputs),
    ]);
    const tensors = {
      weight: constant('fc7.weight', [fc7.inputs, fc7.outputs]),
      scale: constant('fc7.scale', [fc7.outputs]),
      bias: constant('fc7.bias', [fc7.outputs]),
    };
    const before = matrixProduct(graph, rows, tensors, level(point), [byteZero, int8Zero], standard);
    const after = graph.node('Relu', [before]);
    const mean = (value: string): string => graph.node('ReduceMean', [value, graph.ints(0)], { keepdims: 0 });
    for (const wanted of wantedOf('fc7'))
      outputs.set(wanted, mean(wanted.form === 'linear' ? before : after));
    if (fc8) {
      // Back to maps, so that averages are taken as in float32.
      const scores = graph.node(
        'Gemm',
        [after, constant('fc8.weight', [fc8.outputs, fc8.inputs]), constant('fc8.bias', [fc8.outputs])],
        { transB: 1 },
      );
      const batch = flip ? 2 : 1;
      const maps = graph.node('Unsqueeze', [
        graph.node('Transpose', [graph.node('Reshape', [scores, graph.ints(batch, -1, fc8.outputs)])], {
          perm: [0, 2, 1],
        }),
        graph.ints(3),
      ]);
      for (const wanted of wantedOf('fc8')) {
        const value = wanted.form === 'output' ? maps : classScores(graph, maps, backbone);
        outputs.set(wanted, averaged(graph, value, wanted));
      }
    }
  }
  return { graph, values: named.map((wanted) => [wanted, outputs.get(wanted)!]) };
};

/**
 * The dense net in 8-bit arithmetic. Layers are available after ReLU; fc7 before it as well, fc8 in all forms.
 *
 * @param path the quantised file that `writeQuantised` made from this backbone
 * @throws UsageError for a layer that 8-bit arithmetic does not give, or a file of another backbone
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
    externalDataFolder: placeOf(path).folder,
    layers: values.map(([layer]) => layer),
    outputs,
  };
};
