// Imports MatConvNet's .mat models: a cell array of layers, weights [rows, columns, in, out] with the first
// axis fastest.
import { UsageError, expected } from '../../../errors.js';
import { type MatlabArray, type MatlabFile, type MatlabValue, openMatlab } from '../../../formats/matlab.js';
import type { Interpolation } from '../../../interpolation.js';
import { type LazyTensor, readAll } from '../../../formats/tensor.js';
import { type WeightSource, inputPresets } from './source.js';
import { type Step, type StepKind, netOf } from './steps.js';
import { sizeFromShape } from '../../../shape.js';

type Value = MatlabValue | undefined;

const isArray = (value: Value): value is MatlabArray => value?.kind === 'numbers';

/** A field of a structure (or of the first of an array of structures). */
const field = (value: Value, name: string): Value =>
  value?.kind === 'struct' ? value.elements[0]?.get(name) : undefined;

const textIn = (value: Value): string | undefined => (value?.kind === 'text' ? value.text : undefined);

const texts = (value: Value): string[] | undefined => {
  const found = value?.kind === 'cell' ? value.elements.map(textIn) : [];
  return found.length > 0 && found.every((text) => text !== undefined) ? found : undefined;
};

/**
 * In C order the axes are reversed: [out, in, columns, rows]. MATLAB does not write trailing axes of size 1.
 */
const tensorOf = (array: MatlabArray, name: string): LazyTensor => {
  const shape = [...array.shape];
  while (shape.length < 4) shape.push(1);
  return { name, shape: shape.reverse(), dtype: array.dtype, chunks: () => array.chunks() };
};

const vectorOf = (array: Value, name: string): LazyTensor | undefined => {
  const count = isArray(array) ? sizeFromShape(array.shape) : 0;
  return isArray(array) && count > 0
    ? { name, shape: [count], dtype: array.dtype, chunks: () => array.chunks() }
    : undefined;
};

/** Reads `count` numbers of a field; MATLAB may write one number for all. */
const numbersOf = async (value: Value, count: number): Promise<number[] | undefined> => {
  if (!isArray(value) || sizeFromShape(value.shape) > 8) return undefined;
  const numbers = Array.from(await value.values());
  return numbers.length === 0
    ? undefined
    : Array.from({ length: count }, (_, i) => numbers[i % numbers.length]!);
};

/** MatConvNet lists top, bottom, left, right. */
const padsOf = async (layer: Value): Promise<[number, number, number, number] | undefined> => {
  const pads = await numbersOf(field(layer, 'pad'), 4);
  return pads && [pads[0]!, pads[2]!, pads[1]!, pads[3]!];
};

/** The weights of a layer: the cell `weights`, or `filters` and `biases` in older files. */
const weightsOf = (layer: Value): readonly Value[] => {
  const weights = field(layer, 'weights');
  return weights?.kind === 'cell' ? weights.elements : [field(layer, 'filters'), field(layer, 'biases')];
};

const convolution = async (path: string, layer: Value, name: string): Promise<StepKind> => {
  const [filters, biases] = weightsOf(layer);
  if (!isArray(filters)) throw expected('weights', `the layer ${name} of ${path}`, 'none');
  const kernel = tensorOf(filters, name);
  const window: [number, number] = [kernel.shape[3]!, kernel.shape[2]!];
  return {
    kind: 'conv',
    kernel,
    axes: 'oiwh',
    window,
    bias: vectorOf(biases, `${name} bias`),
    strides: (await numbersOf(field(layer, 'stride'), 2)) ?? [1, 1],
    pads: (await padsOf(layer)) ?? 'same',
    dilations: (await numbersOf(field(layer, 'dilate'), 2)) ?? [1, 1],
    groups: 1,
  };
};

const pooling = async (layer: Value): Promise<StepKind> => {
  if (textIn(field(layer, 'method')) === 'avg') return { kind: 'other', what: 'average pooling' };
  const window = (await numbersOf(field(layer, 'pool'), 2)) ?? [2, 2];
  const strides = (await numbersOf(field(layer, 'stride'), 2)) ?? [1, 1];
  return { kind: 'pool', window, strides, pads: (await padsOf(layer)) ?? 'valid' };
};

/** `param` is [size, kappa, alpha, beta]; alpha is not divided by the size. */
const lrn = async (layer: Value): Promise<StepKind> => {
  const [size = 5, k = 2, alpha = 1e-4, beta = 0.75] = (await numbersOf(field(layer, 'param'), 4)) ?? [];
  return { kind: 'lrn', size, k, alpha, beta };
};

/** Batch normalisation: gamma, beta, and the moments, mean and deviation in two columns. */
const norm = async (path: string, layer: Value, name: string): Promise<StepKind> => {
  const [gamma, beta, moments] = weightsOf(layer);
  if (!isArray(moments)) throw expected('moments', `the layer ${name} of ${path}`, 'none');
  const numbers = Float32Array.from(await moments.values());
  const half = numbers.length / 2;
  const part = (which: string, values: Float32Array): LazyTensor => ({
    name: `${name} ${which}`,
    shape: [half],
    dtype: 'F32',
    chunks: () => [values],
  });
  const variance = numbers.slice(half).map((deviation) => deviation * deviation);
  return {
    kind: 'norm',
    gamma: vectorOf(gamma, `${name} gamma`),
    beta: vectorOf(beta, `${name} beta`),
    mean: part('mean', numbers.slice(0, half)),
    variance: part('variance', variance),
    epsilon: 0,
  };
};

const kindOf = async (path: string, layer: Value, name: string): Promise<StepKind | undefined> => {
  switch (textIn(field(layer, 'type'))) {
    case 'conv':
      return convolution(path, layer, name);
    case 'pool':
      return pooling(layer);
    case 'relu': {
      const [leak = 0] = (await numbersOf(field(layer, 'leak'), 1)) ?? [];
      return leak === 0 ? { kind: 'relu' } : { kind: 'other', what: 'an activation that is no ReLU' };
    }
    case 'normalize':
    case 'lrn':
      return lrn(layer);
    case 'bnorm':
      return norm(path, layer, name);
    case 'softmax':
    case 'softmaxloss':
    case 'loss':
      return { kind: 'output' };
    case 'dropout':
      return undefined;
    default:
      return { kind: 'other', what: 'a layer that no VGG net has' };
  }
};

const stepsOf = async (path: string, layers: readonly Value[]): Promise<Step[]> => {
  const steps: Step[] = [];
  for (const [i, layer] of layers.entries()) {
    const name = textIn(field(layer, 'name')) ?? `layer ${i + 1}`;
    const kind = await kindOf(path, layer, name);
    if (kind) steps.push({ ...kind, name, op: textIn(field(layer, 'type')) ?? 'no type' });
  }
  return steps;
};

/** The mean of each channel, from an average image or an average colour. */
const meanOf = async (path: string, average: Value): Promise<number[] | undefined> => {
  if (!isArray(average)) return undefined;
  const count = sizeFromShape(average.shape);
  if (count % 3 !== 0 || count === 0) throw expected('an average of three colours', path, average.shape);
  const numbers = await readAll(average);
  const plane = count / 3;
  return [0, 1, 2].map(
    (c) => numbers.subarray(c * plane, (c + 1) * plane).reduce((a, b) => a + b, 0) / plane,
  );
};

/** MATLAB's names of `imresize` methods, which are antialiased. */
const interpolations: Readonly<Record<string, Interpolation>> = {
  bicubic: 'cubic',
  bilinear: 'linear',
  nearest: 'nearest',
};

const openModel = async (path: string, file: MatlabFile): Promise<WeightSource> => {
  const layersValue = file.variables.get('layers') ?? field(file.variables.get('net'), 'layers');
  if (layersValue?.kind !== 'cell') {
    throw expected("MatConvNet's cell array `layers`", path, [...file.variables.keys()]);
  }
  const net = await netOf(path, await stepsOf(path, layersValue.elements));
  const meta = file.variables.get('meta') ?? field(file.variables.get('net'), 'meta');
  const normalization = field(meta, 'normalization') ?? file.variables.get('normalization');
  const classes = texts(field(field(meta, 'classes') ?? file.variables.get('classes'), 'name'));
  const mean = await meanOf(path, field(normalization, 'averageImage'));
  const reversed = [...inputPresets.oxford.mean].reverse();
  const named = textIn(field(normalization, 'interpolation'));
  const interpolation =
    (named === undefined ? undefined : interpolations[named]) ?? inputPresets.oxford.interpolation;
  return {
    format: 'matconvnet',
    ...net,
    input: { order: 'rgb', scale: 1, mean: mean ?? reversed, std: [1, 1, 1], interpolation },
    ...(classes ? { classes } : {}),
    close: () => file.close(),
  };
};

/** Opens a MatConvNet model: pixels are RGB, 0 to 255, minus the average in the file. */
export const openMatConvNet = async (path: string): Promise<WeightSource> => {
  const file = await openMatlab(path);
  try {
    return await openModel(path, file);
  } catch (error) {
    await file.close();
    throw error instanceof RangeError ? new UsageError(`Cannot read ${path}: ${error.message}.`) : error;
  }
};
