// Saved SVMs, or logistic regression, as one ONNX file: preprocessing, nets, pooling, classifiers and probabilities.
import { openBackbone } from './backbone/nets/backbone.js';
import { backboneFiles, builtinOf } from './backbone/nets/builtin.js';
import { weightFiles } from './classifiers/extraction.js';
import { loadModel } from './classifiers/model-file.js';
import { GraphBuilder } from './engine/onnx.js';
import { type Message, UsageError, option, text } from './errors.js';
import { type ImageInGraph, describeGraph, netInGraph } from './features/pipeline/describe-graph.js';
import { Arithmetic } from './features/recipe/resize-graph.js';
import type { Recipe } from './features/store/recipe.js';
import { sha256OfFile, writeAtomically } from './io/files.js';
import { claimFiles } from './io/work.js';
import { withExtraction } from './predict.js';

/** The lowest versions that have all the operators used. */
const VERSIONS = { irVersion: 8, opset: 18 } as const;

/** Options of an export. */
export interface ExportModelOptions {
  /** Weight files, if they have moved from the paths in the model. */
  readonly backbones?: readonly string[];
  /** Replaces a file of other work. */
  readonly force?: boolean;
}

/** What was exported. */
export interface ExportedModel {
  readonly out: string;
  readonly classes: readonly string[];
  readonly calibrated: boolean;
  /** What differs from `predict`. */
  readonly remarks: readonly Message[];
}

/** What a graph of whole images cannot do. @throws UsageError */
const checkRecipe = (file: string, { region, maxSide, interpolation, orient }: Recipe): void => {
  if (region.includes('box'))
    throw new UsageError(
      text`${file} describes persons in boxes: a graph of whole images cannot. Train with ${option('region')} image.`,
    );
  if (maxSide !== undefined)
    throw new UsageError(
      text`${file} crops long images (${option('maxSide')} ${maxSide}), which the graph does not.`,
    );
  if (interpolation === 'nearest')
    throw new UsageError(
      text`${file} resizes with ${option('interpolation')} nearest, which is not exported: train with linear.`,
    );
  if (orient)
    throw new UsageError(
      text`${file} turns images as their EXIF data says (${option('orient')}), which are not in the pixels: train without.`,
    );
};

/** The image input: uint8 [height, width, channels], RGB, or RGBA of which alpha is passed over. */
const imageInput = (graph: GraphBuilder, math: Arithmetic): ImageInGraph => {
  const input = graph.input('image', 'uint8', ['height', 'width', 'channels']);
  const colours = graph.node('Slice', [input, graph.ints(0), graph.ints(3), graph.ints(2)]);
  const pixels = math.double(graph.node('Transpose', [colours], { perm: [2, 0, 1] }));
  const shape = math.double(graph.node('Shape', [input]));
  const side = (axis: number): string =>
    graph.node('Squeeze', [graph.node('Gather', [shape, graph.ints(axis)], { axis: 0 }), graph.ints(0)]);
  return { pixels, height: side(0), width: side(1) };
};

/**
 * Writes a model as one ONNX file: the input `image`, uint8 [height, width, 3 or 4], the outputs `scores` [classes] and, of a
 * calibrated model, `probabilities` [classes]. The classes are in the metadata as JSON, under `classes`.
 *
 * @param modelFile a model that `verydeep evaluate` or `LinearSvm` saved
 * @throws UsageError if it is no such model, its nets are missing, or its recipe cannot be a graph
 */
export const exportModel = async (
  modelFile: string,
  out: string,
  { backbones = [], force = false }: ExportModelOptions = {},
): Promise<ExportedModel> => {
  const model = withExtraction(modelFile, await loadModel(modelFile, option('model')));
  const { extraction, classes, weights, biases, sigmoids, link } = model;
  if (model.voters) {
    throw new UsageError(
      text`${modelFile} votes by nearest neighbours, its training images: export SVMs or logistic regression (${option('classifier')}).`,
    );
  }
  for (const { recipe } of extraction.stacks) checkRecipe(modelFile, recipe);
  const files = await weightFiles(extraction, modelFile, await backboneFiles(backbones), builtinOf);
  const graph = new GraphBuilder();
  const math = new Arithmetic(graph);
  const image = imageInput(graph, math);
  const vectors: string[] = [];
  const opened = new Map<string, ReturnType<typeof netInGraph>>();
  for (const [i, { recipe, layer }] of extraction.stacks.entries()) {
    for (const file of files[i]!) {
      if (!opened.has(file))
        opened.set(file, netInGraph(graph, await openBackbone(file), `net${opened.size}.`));
    }
    const nets = files[i]!.map((file) => opened.get(file)!);
    const inputSize = Math.max(...nets.map(({ backbone }) => backbone.metadata.architecture.inputSize));
    vectors.push(describeGraph(graph, math, image, recipe, layer, nets, inputSize));
  }
  let descriptor = vectors.length === 1 ? vectors[0]! : graph.node('Concat', vectors, { axis: 0 });
  if (extraction.norm !== undefined) {
    const square = graph.node('ReduceSum', [graph.node('Mul', [descriptor, descriptor]), graph.ints(0)], { keepdims: 1 }); // prettier-ignore
    const norm = graph.node('Add', [graph.node('Sqrt', [square]), graph.scalar(extraction.norm)]);
    descriptor = graph.node('Div', [descriptor, norm]);
  }
  const count = classes.length;
  const perClass = (name: string, values: Iterable<number>): string =>
    graph.constant(name, { type: 'float32', dims: [count], data: Float32Array.from(values) });
  const matrix = graph.constant('svm.weight', {
    type: 'float32',
    dims: [count, weights.columns],
    length: weights.data.byteLength,
    // eslint-disable-next-line @typescript-eslint/require-await -- in memory already
    bytes: async function* () {
      yield new Uint8Array(weights.data.buffer, weights.data.byteOffset, weights.data.byteLength);
    },
  });
  const product = graph.node('MatMul', [matrix, descriptor]);
  const scores = graph.node('Add', [product, perClass('svm.bias', biases)], {}, { name: 'scores' });
  graph.output(scores, 'float32', [count]);
  if (sigmoids && link === undefined) {
    const scaled = graph.node('Mul', [scores, perClass('platt.a', sigmoids.map(({ a }) => -a))]); // prettier-ignore
    const shifted = graph.node('Add', [scaled, perClass('platt.b', sigmoids.map(({ b }) => -b))]); // prettier-ignore
    graph.output(graph.node('Sigmoid', [shifted], {}, { name: 'probabilities' }), 'float32', [count]);
  }
  if (link !== undefined) {
    const likely =
      link === 'softmax'
        ? graph.node('Softmax', [scores], { axis: 0 }, { name: 'probabilities' })
        : graph.node('Sigmoid', [scores], {}, { name: 'probabilities' });
    graph.output(likely, 'float32', [count]);
  }
  const claimed = await claimFiles([out], 'export', { model: { is: await sha256OfFile(modelFile), shown: modelFile } }, { force }, option('onnx')); // prettier-ignore
  const metadata = { classes: JSON.stringify(classes) };
  await writeAtomically(out, async (file) => {
    for await (const bytes of graph.stream({ ...VERSIONS, metadata })) await file.writeFile(bytes);
  });
  await claimed.made();
  const isExact = extraction.stacks.every(({ recipe }) => recipe.resampling === 'pillow');
  return {
    out,
    classes,
    calibrated: sigmoids !== undefined || link !== undefined,
    remarks: isExact
      ? []
      : [
          text`The graph resizes as Pillow does: images that shrink get scores that differ a little from those of \`verydeep predict\`. Models of ${option('resampling')} pillow have none of that.`,
        ],
  };
};
