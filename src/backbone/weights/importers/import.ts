// Converts any supported weight file to a backbone file.
import { existsSync, realpathSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { expected, option, text, UsageError } from '../../../errors.js';
import { sha256OfFile } from '../../../io/files.js';
import { claimFiles } from '../../../io/work.js';
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
import { type LazyTensor, readAll } from '../../../formats/tensor.js';
import { finite } from '../../nets/finite.js';
import type { ChannelStep, OpenOptions, PerChannel, SourceLayer, WeightSource } from './source.js';
import { sizeFromShape } from '../../../shape.js';

export interface ImportOptions extends OpenOptions {
  /** Overrides the default preprocessing of the file's format. */
  readonly input?: InputNormalisation;
  /** Names of the outputs, in order; default: those in the file, or ImageNet's synsets for 1000 outputs. */
  readonly classes?: readonly string[];
  /** Further metadata on the source: the name in the table of published weights, its checksum. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** Replace a file of other work. */
  readonly force?: boolean;
  readonly onProgress?: OnProgress;
}

const checkCount = (path: string, tensor: LazyTensor, count: number): void => {
  const received = sizeFromShape(tensor.shape);
  if (received !== count)
    throw expected(`${count} numbers`, `the tensor ${tensor.name} of ${path}`, tensor.shape);
};

/** One number per output, from a tensor with that many numbers or a single one. */
const perOutput = async (path: string, by: PerChannel, outputs: number): Promise<ArrayLike<number>> => {
  if (typeof by !== 'number' && sizeFromShape(by.shape) !== 1) {
    checkCount(path, by, outputs);
    return readAll(by);
  }
  const value = typeof by === 'number' ? by : (await readAll(by))[0]!;
  return new Float64Array(outputs).fill(value);
};

/** A step's factor on a layer's outputs, and its effect on the bias. */
const effectOf = async (
  path: string,
  step: ChannelStep,
  outputs: number,
): Promise<{ factor: (o: number) => number; bias: (before: number, o: number) => number }> => {
  const read = (by: PerChannel): Promise<ArrayLike<number>> => perOutput(path, by, outputs);
  if (step.kind === 'shift') {
    const by = await read(step.by);
    const { factor = 1 } = step;
    return { factor: () => 1, bias: (before, o) => before + by[o]! * factor };
  }
  if (step.kind === 'scale') {
    const by = await read(step.by);
    const factor = (o: number): number => (step.divide ? 1 / by[o]! : by[o]!);
    return { factor, bias: (before, o) => before * factor(o) };
  }
  const [g, b, m, v] = [
    await read(step.gamma ?? 1),
    await read(step.beta ?? 0),
    await read(step.mean),
    await read(step.variance),
  ];
  const factor = (o: number): number => g[o]! / Math.sqrt(v[o]! + step.epsilon);
  return { factor, bias: (before, o) => (before - m[o]!) * factor(o) + b[o]! };
};

/** Folds the following steps (batch normalisation, a factor, a sum) into a kernel and bias. */
const folded = async (
  path: string,
  layer: SourceLayer,
  sizes: Sizes,
): Promise<{ kernel: Float32Array; bias: Float32Array }> => {
  let bias = layer.bias ? Float64Array.from(await readAll(layer.bias)) : new Float64Array(sizes.o);
  const factors = new Float64Array(sizes.o).fill(1);
  for (const step of layer.after ?? []) {
    const effect = await effectOf(path, step, sizes.o);
    bias = bias.map((before, o) => effect.bias(before, o));
    for (let o = 0; o < sizes.o; o++) factors[o]! *= effect.factor(o);
  }
  const kernel = new Float32Array(sizes.o * sizes.i * sizes.h * sizes.w);
  const unit = sizes.i * sizes.h * sizes.w;
  let done = 0;
  for await (const piece of toOihw(layer.kernel, layer.axes, sizes)) {
    for (let i = 0; i < piece.length; i++)
      kernel[done + i] = piece[i]! * factors[Math.floor((done + i) / unit)]!;
    done += piece.length;
  }
  return { kernel, bias: Float32Array.from(bias) };
};

async function* biasOf(layer: SourceLayer, outputs: number): AsyncGenerator<Float32Array> {
  if (layer.bias) yield* layer.bias.chunks();
  else yield new Float32Array(outputs);
}

async function* once(make: () => Promise<Float32Array>): AsyncGenerator<Float32Array> {
  yield await make();
}

/** Reads the tensors of a backbone file from the layers of a foreign file. */
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
    const where = `the tensor ${isKernel ? layer.kernel.name : (layer.bias?.name ?? layer.name)} of ${path}`;
    const numbers = layer.after?.length
      ? once(async () => (await folded(path, layer, size))[isKernel ? 'kernel' : 'bias'])
      : isKernel
        ? toOihw(layer.kernel, layer.axes, size)
        : biasOf(layer, size.o);
    return finite(numbers, where);
  };
};

/** Names of the outputs: given, from the file, or ImageNet's for 1000 outputs. */
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

/** The metadata of the backbone file converted from an open source. */
export const metadataOf = (
  path: string,
  source: WeightSource,
  net: Architecture,
  options: ImportOptions = {},
): BackboneMetadata => {
  const {
    superclasses,
    boxes,
    training,
    source: origin,
  } = (source.details ?? {}) as Partial<BackboneMetadata>;
  return {
    format: 1,
    architecture: net,
    input: checkInput(path, options.input ?? source.input),
    classes: classesOf(path, net, options.classes, source),
    ...(superclasses ? { superclasses } : {}),
    ...(boxes ? { boxes } : {}),
    ...(training ? { training } : {}),
    source: {
      ...(origin ?? { format: source.format, file: basename(path) }),
      ...(source.leftOut?.length ? { leftOut: source.leftOut } : {}),
      ...options.source,
    },
  };
};

/** Refuses to overwrite the input file. */
const checkOut = (path: string, out: string): void => {
  const place = (file: string): string => (existsSync(file) ? realpathSync(file) : resolve(file));
  if (place(path) === place(out)) {
    throw new UsageError(
      text`The file ${path} is given for ${option('out')} too: choose another file, so that it is kept.`,
    );
  }
};

/**
 * Converts a weight file of any supported format to a backbone file; the format is recognised by content.
 * Large tensors are streamed; a fully-connected layer with another axis order is held in memory once.
 *
 * @param path the file (of a TensorFlow.js model its model.json)
 * @param out the backbone file to write
 * @throws UsageError naming the file and the first fault; VerydeepError when `out` cannot be written
 */
export const importWeights = async (
  path: string,
  out: string,
  options: ImportOptions = {},
): Promise<BackboneMetadata> => {
  checkOut(path, out);
  const source = await openWeights(path, options);
  try {
    const { net, sizes } = recogniseNet(path, source);
    const metadata = metadataOf(path, source, net, options);
    const { input, classes, key, force } = options;
    const file = { is: await sha256OfFile(path), shown: path };
    const work = { 'the file': file, input, classes, key };
    const claimed = await claimFiles([out], 'weights import', work, { force });
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
    await claimed.made();
    return metadata;
  } catch (error) {
    throw error instanceof RangeError
      ? new UsageError(`The weight file ${path} cannot be read: ${error.message}.`)
      : error;
  } finally {
    await source.close();
  }
};
