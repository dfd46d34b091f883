// From any published weight file to a backbone file.
import { basename } from 'node:path';
import { expected, option, UsageError } from '../../../errors.js';
import type { OnProgress } from '../../../progress.js';
import { imagenetClasses } from '../imagenet-classes.js';
import { type Architecture, weightShapes } from '../../nets/architecture.js';
import {
  type BackboneMetadata,
  type InputNormalisation,
  checkInput,
  saveBackbone,
} from '../../nets/backbone.js';
import { type Sizes, toOihw } from './permute.js';
import { openWeights } from './recognise.js';
import { recogniseNet } from './recognise-net.js';
import { type SourceLayer, type SourceTensor, type WeightSource, readAll } from './source.js';
import { sizeFromShape } from '../../../shape.js';

export interface ImportOptions {
  /** Instead of the preprocessing that nets of the file's format were trained with. */
  readonly input?: InputNormalisation;
  /** Names of the outputs in order; by default those in the file, or ImageNet's synsets for 1000 outputs. */
  readonly classes?: readonly string[];
  /** Further facts on the source for the metadata: the name in the table of published weights, its checksum. */
  readonly source?: Readonly<Record<string, unknown>>;
  readonly onProgress?: OnProgress;
}

const checkCount = (path: string, tensor: SourceTensor, count: number): void => {
  const received = sizeFromShape(tensor.shape);
  if (received !== count)
    throw expected(`${count} numbers`, `the tensor ${tensor.name} of ${path}`, tensor.shape);
};

/** A kernel and bias with the batch normalisation after them folded in. */
const folded = async (
  path: string,
  layer: SourceLayer,
  sizes: Sizes,
): Promise<{ kernel: Float32Array; bias: Float32Array }> => {
  const { gamma, beta, mean, variance, epsilon } = layer.norm!;
  for (const tensor of [gamma, beta, mean, variance]) checkCount(path, tensor, sizes.o);
  const [g, b, m, v] = (await Promise.all([gamma, beta, mean, variance].map(readAll))) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const before = layer.bias ? await readAll(layer.bias) : new Float32Array(sizes.o);
  const factor = Float64Array.from(g, (value, o) => value / Math.sqrt(v[o]! + epsilon));
  const kernel = new Float32Array(sizes.o * sizes.i * sizes.h * sizes.w);
  const perOutput = sizes.i * sizes.h * sizes.w;
  let done = 0;
  for await (const piece of toOihw(layer.kernel, layer.axes, sizes)) {
    for (let i = 0; i < piece.length; i++)
      kernel[done + i] = piece[i]! * factor[Math.floor((done + i) / perOutput)]!;
    done += piece.length;
  }
  const bias = Float32Array.from(before, (value, o) => (value - m[o]!) * factor[o]! + b[o]!);
  return { kernel, bias };
};

async function* biasOf(layer: SourceLayer, outputs: number): AsyncGenerator<Float32Array> {
  if (layer.bias) yield* layer.bias.chunks();
  else yield new Float32Array(outputs);
}

async function* once(make: () => Promise<Float32Array>): AsyncGenerator<Float32Array> {
  yield await make();
}

/** Gives the tensors of a backbone file from the layers of a foreign one. */
export const tensorsOf = (
  path: string,
  source: WeightSource,
  net: Architecture,
  sizes: readonly Sizes[],
): ((name: string) => AsyncGenerator<Float32Array>) => {
  const names = [...weightShapes(net).keys()].filter((name) => name.endsWith('.weight'));
  const rows = new Map(names.map((name, i) => [name.slice(0, -'.weight'.length), i]));
  for (const [i, layer] of source.layers.entries()) {
    if (layer.bias) checkCount(path, layer.bias, sizes[i]!.o);
  }
  return (name) => {
    const row = rows.get(name.slice(0, name.lastIndexOf('.')))!;
    const [layer, size] = [source.layers[row]!, sizes[row]!];
    const isKernel = name.endsWith('.weight');
    if (layer.norm) {
      return once(async () => (await folded(path, layer, size))[isKernel ? 'kernel' : 'bias']);
    }
    return isKernel ? toOihw(layer.kernel, layer.axes, size) : biasOf(layer, size.o);
  };
};

/** Names of the outputs: given, in the file, or ImageNet's where there are 1000. */
const classesOf = (
  path: string,
  net: Architecture,
  given: readonly string[] | undefined,
  source: WeightSource,
): readonly string[] => {
  const classes = given ?? source.classes;
  if (given && given.length !== net.outputs) {
    throw expected(
      `${net.outputs} class names, one for each output of ${path},`,
      option('classes'),
      given.length,
    );
  }
  return classes ?? (net.outputs === imagenetClasses.length ? imagenetClasses : []);
};

/** The metadata of the backbone file that an opened source becomes. */
export const metadataOf = (
  path: string,
  source: WeightSource,
  net: Architecture,
  options: ImportOptions = {},
): BackboneMetadata => {
  const { superclasses, training, source: origin } = (source.details ?? {}) as Partial<BackboneMetadata>;
  return {
    format: 1,
    architecture: net,
    input: checkInput(path, options.input ?? source.input),
    classes: classesOf(path, net, options.classes, source),
    ...(superclasses ? { superclasses } : {}),
    ...(training ? { training } : {}),
    source: { ...(origin ?? { format: source.format, file: basename(path) }), ...options.source },
  };
};

/**
 * Converts a weight file of any known kind to a backbone file; the kind is recognised by content. Large tensors are
 * streamed; a fully-connected layer whose order differs is in memory once.
 *
 * @param path the file (of a TensorFlow.js model its model.json)
 * @param out the backbone file to write
 * @throws UsageError that names the file and the first wrong thing; VerydeepError when `out` cannot be written
 */
export const importWeights = async (
  path: string,
  out: string,
  options: ImportOptions = {},
): Promise<BackboneMetadata> => {
  const source = await openWeights(path);
  try {
    const { net, sizes } = recogniseNet(path, source);
    const metadata = metadataOf(path, source, net, options);
    const read = tensorsOf(path, source, net, sizes);
    const shapes = weightShapes(net);
    const total = [...shapes.values()].reduce((sum, shape) => sum + 4 * sizeFromShape(shape), 0);
    let done = 0;
    const pieces = async function* (name: string) {
      for await (const piece of read(name)) {
        yield piece;
        done += piece.byteLength;
        options.onProgress?.({ task: 'import', done, total, unit: 'bytes' });
      }
    };
    await saveBackbone(out, metadata, pieces, source.seen);
    return metadata;
  } catch (error) {
    throw error instanceof RangeError
      ? new UsageError(`The weight file ${path} cannot be read: ${error.message}.`)
      : error;
  } finally {
    await source.close();
  }
};
