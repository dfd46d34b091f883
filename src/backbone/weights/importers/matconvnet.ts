// MatConvNet's .mat models: a cell array of layers, weights [rows, columns, in, out] with the first axis fastest.
import { UsageError, expected } from '../../../errors.js';
import { type MatArray, type MatFile, type MatValue, openMat } from '../../../formats/mat.js';
import type { Kernel } from '../../../images/kernels.js';
import { type SourceLayer, type SourceTensor, type WeightSource, inputPresets, readAll } from './source.js';
import { sizeFromShape } from '../../../shape.js';

const isArray = (value: MatValue): value is MatArray => typeof value === 'object' && !Array.isArray(value);

/** A field of a struct (or of the only element of a struct array). */
const field = (value: MatValue, name: string): MatValue => {
  const [first] = Array.isArray(value) ? value : [];
  return typeof first === 'object' && !Array.isArray(first) && first.kind === 'struct'
    ? first.fields.get(name)
    : undefined;
};

const texts = (value: MatValue): string[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === 'string')
    ? value
    : undefined;

/** In C order the axes are reversed: [out, in, columns, rows]. Trailing axes of 1 are not written by MATLAB. */
const tensorOf = (array: MatArray, name: string): SourceTensor => {
  const shape = [...array.shape];
  while (shape.length < 4) shape.push(1);
  return { name, shape: shape.reverse(), chunks: () => array.chunks() };
};

const layerOf = (path: string, layer: MatValue, position: number): SourceLayer | 'lrn' | undefined => {
  const type = field(layer, 'type');
  const name = field(layer, 'name');
  const label = typeof name === 'string' ? name : `layer ${position + 1}`;
  if (type === 'normalize' || type === 'lrn') return 'lrn';
  if (type !== 'conv') return undefined;
  const weights = field(layer, 'weights');
  const [filters, biases] = Array.isArray(weights)
    ? (weights as MatValue[])
    : [field(layer, 'filters'), field(layer, 'biases')];
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
const meanOf = async (path: string, average: MatValue): Promise<number[] | undefined> => {
  if (!isArray(average)) return undefined;
  const count = sizeFromShape(average.shape);
  if (count % 3 !== 0 || count === 0) throw expected('an average of three colours', path, average.shape);
  const numbers = await readAll({ ...average, name: 'average' });
  const plane = count / 3;
  return [0, 1, 2].map(
    (c) => numbers.subarray(c * plane, (c + 1) * plane).reduce((a, b) => a + b, 0) / plane,
  );
};

/** MATLAB's names of `imresize`, which filters before it shrinks. */
const interpolations: Readonly<Record<string, Kernel>> = {
  bicubic: 'cubic',
  bilinear: 'linear',
  nearest: 'nearest',
};

const openModel = async (path: string, file: MatFile): Promise<WeightSource> => {
  const layersValue = file.variables.get('layers') ?? field(file.variables.get('net'), 'layers');
  if (!Array.isArray(layersValue)) {
    throw expected("MatConvNet's cell array `layers`", path, [...file.variables.keys()]);
  }
  const found = (layersValue as MatValue[]).map((layer, i) => layerOf(path, layer, i));
  const meta = file.variables.get('meta') ?? field(file.variables.get('net'), 'meta');
  const normalization = field(meta, 'normalization') ?? file.variables.get('normalization');
  const classes = texts(field(field(meta, 'classes') ?? file.variables.get('classes'), 'name'));
  const mean = await meanOf(path, field(normalization, 'averageImage'));
  const reversed = [...inputPresets.oxford.mean].reverse();
  const interpolation = field(normalization, 'interpolation');
  const kernel =
    (typeof interpolation === 'string' ? interpolations[interpolation] : undefined) ??
    inputPresets.oxford.kernel;
  return {
    format: 'matconvnet',
    layers: found.filter((layer) => layer !== undefined && layer !== 'lrn'),
    lrn: found.includes('lrn'),
    input: { order: 'rgb', scale: 1, mean: mean ?? reversed, std: [1, 1, 1], kernel },
    ...(classes ? { classes } : {}),
    close: () => file.close(),
  };
};

/** Opens a MatConvNet model: pixels are red, green, blue, 0 to 255, less the average that the file holds. */
export const openMatConvNet = async (path: string): Promise<WeightSource> => {
  const file = await openMat(path);
  try {
    return await openModel(path, file);
  } catch (error) {
    await file.close();
    throw error instanceof RangeError ? new UsageError(`Cannot read ${path}: ${error.message}.`) : error;
  }
};
