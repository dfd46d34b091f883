// MatConvNet's .mat models: a cell array of layers, weights [rows, columns, in, out] with the first axis fastest.
import { UsageError, expected } from '../../../errors.js';
import { type MatlabArray, type MatlabFile, type MatlabValue, openMatlab } from '../../../formats/matlab.js';
import type { Interpolation } from '../../../interpolation.js';
import { type SourceLayer, type SourceTensor, type WeightSource, inputPresets, readAll } from './source.js';
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

/** In C order the axes are reversed: [out, in, columns, rows]. Trailing axes of 1 are not written by MATLAB. */
const tensorOf = (array: MatlabArray, name: string): SourceTensor => {
  const shape = [...array.shape];
  while (shape.length < 4) shape.push(1);
  return { name, shape: shape.reverse(), chunks: () => array.chunks() };
};

const layerOf = (path: string, layer: Value, position: number): SourceLayer | 'lrn' | undefined => {
  const type = textIn(field(layer, 'type'));
  const label = textIn(field(layer, 'name')) ?? `layer ${position + 1}`;
  if (type === 'normalize' || type === 'lrn') return 'lrn';
  if (type !== 'conv') return undefined;
  const weights = field(layer, 'weights');
  const [filters, biases] =
    weights?.kind === 'cell' ? weights.elements : [field(layer, 'filters'), field(layer, 'biases')];
  if (!isArray(filters)) throw expected('weights', `the layer ${label} of ${path}`, 'none');
  const kernel = tensorOf(filters, label);
  const count = isArray(biases) ? sizeFromShape(biases.shape) : 0;
  return {
    name: label,
    kernel,
    axes: 'oiwh',
    ...(isArray(biases) && count > 0
      ? { bias: { name: `${label} bias`, shape: [count], chunks: () => biases.chunks() } }
      : {}),
  };
};

/** The mean of each colour, from an average image or an average colour. */
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

/** MATLAB's names of `imresize`, which filters before it shrinks. */
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
  const found = layersValue.elements.map((layer, i) => layerOf(path, layer, i));
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
    layers: found.filter((layer) => layer !== undefined && layer !== 'lrn'),
    lrn: found.includes('lrn'),
    input: { order: 'rgb', scale: 1, mean: mean ?? reversed, std: [1, 1, 1], interpolation },
    ...(classes ? { classes } : {}),
    close: () => file.close(),
  };
};

/** Opens a MatConvNet model: pixels are red, green, blue, 0 to 255, less the average that the file holds. */
export const openMatConvNet = async (path: string): Promise<WeightSource> => {
  const file = await openMatlab(path);
  try {
    return await openModel(path, file);
  } catch (error) {
    await file.close();
    throw error instanceof RangeError ? new UsageError(`Cannot read ${path}: ${error.message}.`) : error;
  }
};
