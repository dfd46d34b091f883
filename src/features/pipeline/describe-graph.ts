// The descriptor of an image as an ONNX graph: resizing, net, mirrored image, scales and crops, joined as the recipe says.
import type { LayerHandler } from '../../backbone/nets/interpret.js';
import { interpret } from '../../backbone/nets/interpret.js';
import type { Backbone } from '../../backbone/nets/backbone.js';
import { type WeightedLayer, weightShapes } from '../../backbone/nets/architecture.js';
import {
  classCount,
  classScores,
  convAttributes,
  globalAverage,
  lrnAttributes,
  poolAttributes,
  withFlipped,
} from '../../backbone/nets/graph.js';
import { namedLayers } from '../../backbone/nets/layer-names.js';
import type { GraphBuilder } from '../../engine/onnx.js';
import type { Recipe } from '../store/recipe.js';
import type { Arithmetic } from '../recipe/resize-graph.js';
import { resizeGraph, types } from '../recipe/resize-graph.js';

/** An image in a graph. */
export interface ImageInGraph {
  /** [3, height, width] in double precision, whole grey values. */
  readonly pixels: string;
  /** In double precision, without dimensions. */
  readonly width: string;
  readonly height: string;
}

/** A net whose weights are in the graph once, however often it is applied. */
export interface NetInGraph {
  readonly backbone: Backbone;
  /** From the input [batch, 3, height, width] in grey values to the layer's averaged activations. */
  apply(pixels: string, layer: string, flip: boolean): string;
}

async function* bytesOf(backbone: Backbone, name: string): AsyncGenerator<Uint8Array> {
  for await (const piece of backbone.chunks(name))
    yield new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
}

/** Puts a net's weights into a graph, when they are first used. */
export const netInGraph = (graph: GraphBuilder, backbone: Backbone, prefix: string): NetInGraph => {
  const { input } = backbone.metadata;
  const shapes = weightShapes(backbone.metadata.architecture);
  const known = new Map<string, string>();
  const once = (name: string, make: (name: string) => string): string => {
    const made = known.get(name) ?? make(`${prefix}${name}`);
    known.set(name, made);
    return made;
  };
  const perChannel = (name: string, values: readonly number[]): string =>
    once(name, (own) =>
      graph.constant(own, { type: 'float32', dims: [1, 3, 1, 1], data: Float32Array.from(values) }),
    );
  const weight = (name: string, dims: readonly number[]): string =>
    once(name, (own) =>
      graph.constant(own, {
        type: 'float32',
        dims,
        length: backbone.tensors.get(name)!.length,
        bytes: () => bytesOf(backbone, name),
      }),
    );
  const convolution = (x: string, layer: WeightedLayer): string => {
    const { name, inputs, outputs, kernel } = layer;
    const weights = [
      weight(`${name}.weight`, [outputs, inputs, kernel, kernel]),
      weight(`${name}.bias`, shapes.get(`${name}.bias`)!),
    ];
    return graph.node('Conv', [x, ...weights], convAttributes(layer));
  };
  const handler: LayerHandler<string> = {
    conv: convolution,
    dense: convolution,
    relu: (x) => graph.node('Relu', [x]),
    lrn: (x, layer) => graph.node('LRN', [x], lrnAttributes(layer)),
    pool: (x) => graph.node('MaxPool', [x], poolAttributes),
  };
  const apply = (pixels: string, layer: string, flip: boolean): string => {
    const { named, needed } = namedLayers(backbone.metadata.architecture, [layer], classCount(backbone));
    const [wanted] = named as [(typeof named)[0]];
    const { scale, mean, std, order } = input;
    const factor = perChannel('factor', std.map((s) => scale / s)); // prettier-ignore
    const shift = perChannel('shift', mean.map((m, c) => -m / std[c]!)); // prettier-ignore
    const floats = graph.node('Cast', [pixels], { to: types.float });
    const ordered =
      order === 'bgr' ? graph.node('Gather', [floats, graph.ints(2, 1, 0)], { axis: 1 }) : floats;
    const x = graph.node('Add', [graph.node('Mul', [ordered, factor]), shift]);
    let value = '';
    interpret(needed, handler, flip ? withFlipped(graph, x) : x, ({ name }, { linear, output }) => {
      if (name !== wanted.layer.name) return;
      value =
        wanted.form === 'posterior' || wanted.form === 'softmax'
          ? classScores(graph, output, backbone)
          : wanted.form === 'linear'
            ? linear
            : output;
    });
    return globalAverage(graph, value, wanted);
  };
  return { backbone, apply };
};

/** Divides a vector by its norm, that of a zero vector by 1. */
const l2 = (graph: GraphBuilder, x: string): string => {
  const norm = graph.node('Sqrt', [graph.node('ReduceSum', [graph.node('Mul', [x, x]), graph.ints(0)], { keepdims: 1 })]); // prettier-ignore
  const isZero = graph.node('Equal', [norm, graph.scalar(0)]);
  return graph.node('Div', [x, graph.node('Where', [isZero, graph.scalar(1), norm])]);
};

const joined = (graph: GraphBuilder, how: Recipe['aggregate'], vectors: readonly string[]): string => {
  if (vectors.length === 1) return vectors[0]!;
  if (how === 'stack') return graph.node('Concat', [...vectors], { axis: 0 });
  return graph.node(how === 'max' ? 'Max' : 'Mean', [...vectors]);
};

/** The image at one scale, and where its crops begin: [1, 3, height, width] each. */
const viewsAt = (
  graph: GraphBuilder,
  math: Arithmetic,
  { pixels, width, height }: ImageInGraph,
  q: number,
  recipe: Recipe,
  inputSize: number,
): string[] => {
  const { add, mul, div, floor, min, sub } = math;
  // Of sizes that are not the smallest side, halves are rounded up, as Math.round does.
  const short = min(width, height);
  const sideOf = (side: string): string => floor(add(div(mul(side, q), short), 0.5));
  const [wide, high] = [sideOf(width), sideOf(height)];
  const resized = resizeGraph(graph, math, pixels, [width, height], [wide, high], recipe.interpolation);
  const batch = graph.node('Unsqueeze', [resized, graph.ints(0)]);
  if (recipe.region !== 'crops') return [batch];
  const whole = (x: string): string =>
    graph.node('Unsqueeze', [graph.node('Cast', [x], { to: types.int64 }), graph.ints(0)]);
  const starts = (side: string): string[] =>
    Array.from({ length: recipe.crops }, (_, i) => {
      const room = sub(side, inputSize);
      return whole(
        recipe.crops === 1 ? floor(mul(room, 0.5)) : floor(add(mul(room, i / (recipe.crops - 1)), 0.5)),
      );
    });
  const size = graph.ints(inputSize);
  return starts(high).flatMap((y) =>
    starts(wide).map((x) => {
      const begin = graph.node('Concat', [y, x], { axis: 0 });
      const end = graph.node('Add', [begin, size]);
      return graph.node('Slice', [batch, begin, end, graph.ints(2, 3)]);
    }),
  );
};

/**
 * The descriptor of a layer: that of each net, joined over scales and crops, normalised, stacked.
 *
 * @param inputSize side of crops in pixels
 */
export const describeGraph = (
  graph: GraphBuilder,
  math: Arithmetic,
  image: ImageInGraph,
  recipe: Recipe,
  layer: string,
  nets: readonly NetInGraph[],
  inputSize: number,
): string => {
  const scales = recipe.scales.map((q) => viewsAt(graph, math, image, q, recipe, inputSize));
  const vectors = nets.map((net) => {
    const means = scales.map((views) => {
      const activations = views.map((view) => net.apply(view, layer, recipe.flip));
      const mean = joined(graph, 'average', activations);
      return recipe.descriptorNorm === 'per-scale' ? l2(graph, mean) : mean;
    });
    const vector = joined(graph, recipe.aggregate, means);
    return recipe.descriptorNorm === 'none' ? vector : l2(graph, vector);
  });
  return joined(graph, 'stack', vectors);
};
