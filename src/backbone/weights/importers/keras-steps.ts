// Converts the layers of a Keras model to the steps of a net; omits layers without effect.
import { isRecord } from '../../../checks.js';
import { expected } from '../../../errors.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import { BRANCH, type KerasLayer, textOf } from './keras-model.js';
import type { PerChannel } from './source.js';
import { type Pads, type Step, type StepKind, noVgg } from './steps.js';

/** Returns a layer's weights in Keras's order (kernel, bias; gamma, beta, mean, variance). */
export type WeightsOf = (layer: KerasLayer) => readonly LazyTensor[];

const numbers = (value: unknown): readonly number[] | undefined =>
  typeof value === 'number'
    ? [value]
    : Array.isArray(value) && value.every((n) => typeof n === 'number')
      ? value
      : undefined;

/** One number for rows and columns, or one for each. */
const pair = (value: unknown, otherwise: readonly [number, number]): [number, number] => {
  const [a = otherwise[0], b = a] = numbers(value) ?? otherwise;
  return [a, b];
};

/** The name of an activation: a string, or a serialised function. */
const activationOf = (value: unknown): string | undefined => {
  if (value === null || value === undefined) return 'linear';
  if (typeof value === 'string') return value;
  if (!isRecord(value)) return undefined;
  const config = value['config'];
  return (
    textOf(config) ??
    (isRecord(config) ? (textOf(config['name']) ?? textOf(config['activation'])) : undefined) ??
    textOf(value['class_name'])
  );
};

const outputs = new Set(['softmax', 'sigmoid', 'log_softmax', 'hard_sigmoid']);

const activation = (value: unknown): StepKind | undefined => {
  const name = activationOf(value);
  if (name === 'linear') return undefined;
  if (name === 'relu') return { kind: 'relu' };
  if (name !== undefined && outputs.has(name)) return { kind: 'output' };
  return { kind: 'other', what: `the activation ${name ?? 'of a function'}` };
};

/** Layers without effect at inference. */
const idle = new Set([
  ...[
    'InputLayer',
    'Dropout',
    'SpatialDropout2D',
    'AlphaDropout',
    'GaussianDropout',
    'GaussianNoise',
    'Identity',
  ],
  ...[
    'ActivityRegularization',
    'RandomFlip',
    'RandomRotation',
    'RandomZoom',
    'RandomTranslation',
    'RandomContrast',
  ],
  ...['RandomBrightness', 'RandomCrop', 'RandomHeight', 'RandomWidth', 'RandomColorJitter', 'RandAugment'],
  // verydeep resizes images before the net.
  ...['Resizing', 'CenterCrop'],
]);

interface Walk {
  readonly path: string;
  readonly weightsOf: WeightsOf;
  /** The order of a map's axes, without the batch axis. */
  axes: 'hwc' | 'chw' | 'flat';
  /** The axis order of the flattened map. */
  flat: string;
}

const other = (what: string): StepKind => ({ kind: 'other', what });

const named = (walk: Walk, layer: KerasLayer, count: number): readonly LazyTensor[] => {
  const found = walk.weightsOf(layer);
  if (found.length !== count) {
    throw expected(
      `${count} weights`,
      `the layer ${layer.name} of ${walk.path}`,
      found.map(({ name }) => name),
    );
  }
  return found;
};

const dataFormat = ({ config }: KerasLayer): 'hwc' | 'chw' =>
  config['data_format'] === 'channels_first' || config['dim_ordering'] === 'th' ? 'chw' : 'hwc';

const padsOf = ({ config }: KerasLayer): Pads =>
  (textOf(config['padding']) ?? textOf(config['border_mode'])) === 'same' ? 'same' : 'valid';

const conv = (walk: Walk, layer: KerasLayer): StepKind[] => {
  const { config } = layer;
  walk.axes = dataFormat(layer);
  const usesBias = config['use_bias'] !== false && config['bias'] !== false;
  const [kernel, bias] = named(walk, layer, usesBias ? 2 : 1);
  if (kernel!.shape.length !== 4) return [other(`a kernel of ${kernel!.shape.length} axes`)];
  const [h, w] = [kernel!.shape[0]!, kernel!.shape[1]!];
  return [
    {
      kind: 'conv',
      kernel: kernel!,
      axes: 'hwio',
      window: [h, w],
      bias,
      strides: pair(config['strides'] ?? config['subsample'], [1, 1]),
      pads: padsOf(layer),
      dilations: pair(config['dilation_rate'], [1, 1]),
      groups: typeof config['groups'] === 'number' ? config['groups'] : 1,
    },
  ];
};

const dense = (walk: Walk, layer: KerasLayer): StepKind[] => {
  if (walk.axes !== 'flat') return [other('a matrix product at every position of a map')];
  const usesBias = layer.config['use_bias'] !== false && layer.config['bias'] !== false;
  const [kernel, bias] = named(walk, layer, usesBias ? 2 : 1);
  if (kernel!.shape.length !== 2) return [other(`a kernel of ${kernel!.shape.length} axes`)];
  const axes = `${walk.flat.replace('c', 'i')}o`;
  walk.flat = 'hwc';
  return [{ kind: 'dense', kernel: kernel!, axes, bias }];
};

const pool = (walk: Walk, layer: KerasLayer): StepKind[] => {
  const { config } = layer;
  const window = pair(config['pool_size'], [2, 2]);
  walk.axes = dataFormat(layer);
  return [{ kind: 'pool', window, strides: pair(config['strides'], window), pads: padsOf(layer) }];
};

const flatten = (walk: Walk): StepKind[] => {
  if (walk.axes === 'flat') return [];
  walk.flat = walk.axes;
  walk.axes = 'flat';
  return [{ kind: 'flatten' }];
};

/** Zero padding: a number, one for rows and columns, or a beginning and an end for each. */
const zeroPadding = (_: Walk, { config }: KerasLayer): StepKind[] => {
  const value = config['padding'] ?? 1;
  const [rows, columns] = Array.isArray(value) ? (value as unknown[]) : [value, value];
  const [top, bottom] = pair(rows, [0, 0]);
  const [left, right] = pair(columns, [0, 0]);
  return [{ kind: 'pad', pads: [top, left, bottom, right] }];
};

const batchNorm = (walk: Walk, layer: KerasLayer): StepKind[] => {
  const { config } = layer;
  const [axis = -1] = numbers(config['axis']) ?? [];
  const isLast =
    walk.axes === 'flat'
      ? axis === 1 || axis === -1
      : axis === (walk.axes === 'hwc' ? 3 : 1) || (axis === -1 && walk.axes === 'hwc');
  if (!isLast) return [other('batch normalisation along another axis than that of the channels')];
  const [scale, center] = [config['scale'] !== false, config['center'] !== false];
  const weights = [...named(walk, layer, 2 + (scale ? 1 : 0) + (center ? 1 : 0))];
  const gamma = scale ? weights.shift() : undefined;
  const beta = center ? weights.shift() : undefined;
  const [mean, variance] = weights;
  const epsilon = typeof config['epsilon'] === 'number' ? config['epsilon'] : 1e-3;
  return [{ kind: 'norm', gamma, beta, mean: mean!, variance: variance!, epsilon }];
};

const rescaling = (_: Walk, { config }: KerasLayer): StepKind[] => {
  const by = (value: unknown, otherwise: number): PerChannel => {
    const list = numbers(value);
    if (!list) return otherwise;
    return list.length === 1 ? list[0]! : constant('rescaling', list);
  };
  return [
    { kind: 'scale', by: by(config['scale'], 1) },
    { kind: 'shift', by: by(config['offset'], 0) },
  ];
};

/** Numbers of a configuration as a tensor. */
const constant = (name: string, values: readonly number[]): LazyTensor => ({
  name,
  shape: [values.length],
  dtype: 'F32',
  chunks: () => [Float32Array.from(values)],
});

/** Keras's Normalization layer: (x - mean) / sqrt(variance), with a variance of at least 1e-14. */
const normalization = (walk: Walk, layer: KerasLayer): StepKind[] => {
  const { config } = layer;
  if (config['invert'] === true) return [other('a normalisation the other way round')];
  const [given, spread] = [numbers(config['mean']), numbers(config['variance'])];
  if (given && spread) {
    return [
      { kind: 'norm', mean: constant('mean', given), variance: constant('variance', spread), epsilon: 0 },
    ];
  }
  const [mean, variance] = walk.weightsOf(layer);
  return mean && variance
    ? [{ kind: 'norm', mean, variance, epsilon: 0 }]
    : [other('a normalisation without numbers')];
};

const reluLayer = (_: Walk, { config }: KerasLayer): StepKind[] => {
  const isPlain = [config['max_value'], config['negative_slope'], config['threshold']].every(
    (value) =>
      value === null || value === undefined || value === 0 || (Array.isArray(value) && value[0] === 0),
  );
  return [isPlain ? { kind: 'relu' } : other('an activation that is no ReLU')];
};

const reshape = (walk: Walk, layer: KerasLayer): StepKind[] => {
  const target = numbers(layer.config['target_shape']) ?? [];
  return target.length === 1 ? flatten(walk) : [other(`a reshape to [${target.join(', ')}]`)];
};

const permute = (walk: Walk, layer: KerasLayer): StepKind[] => {
  const dims = (numbers(layer.config['dims']) ?? []).join();
  if (walk.axes === 'hwc' && dims === '3,1,2') walk.axes = 'chw';
  else if (walk.axes === 'chw' && dims === '2,3,1') walk.axes = 'hwc';
  else return [other(`a permutation of axes (${dims})`)];
  return [];
};

/** A slice that reverses the last axis: `x[..., ::-1]`, as in preprocess_input. */
const isReversal = (value: unknown): boolean => {
  const json = JSON.stringify(value);
  return (
    /"step":\s*-1|"class_name":\s*"__?slice__?".*-1|\[null,\s*null,\s*-1\]/.test(json) &&
    !/"st(art|op)":\s*\d/.test(json)
  );
};

/** The numbers in the arguments of an operation, wherever they are. */
const numbersIn = (value: unknown): number[] => {
  if (typeof value === 'number') return [value];
  if (Array.isArray(value)) return value.flatMap(numbersIn);
  if (!isRecord(value)) return [];
  const config = value['config'];
  return isRecord(config) ? numbersIn(config['value']) : numbersIn(value['value'] ?? config);
};

/** Operations on tensors in a functional model: Keras 3's classes, TensorFlow's functions in Keras 2. */
const operation = (walk: Walk, layer: KerasLayer): StepKind[] => {
  const called = textOf(layer.config['function']) ?? layer.className;
  if (/getitem/i.test(called)) {
    return [isReversal(layer.constants) ? { kind: 'reverse' } : other('a part of a value')];
  }
  if (/^cast$|\.cast$/i.test(called)) return [];
  const values = layer.constants.flatMap(numbersIn);
  const by = values.length === 1 ? values[0]! : constant(layer.name, values);
  if (values.length === 0) return [other('arithmetic between two values: the net branches')];
  if (/bias_add|(^|\.)add(v2)?$|__operators__\.add/i.test(called)) return [{ kind: 'shift', by }];
  if (/(^|\.)sub(tract)?$/i.test(called)) return [{ kind: 'shift', by, factor: -1 }];
  if (/(^|\.)(mul|multiply)$/i.test(called)) return [{ kind: 'scale', by }];
  if (/(^|\.)(div|divide|truediv|true_divide)$/i.test(called)) return [{ kind: 'scale', by, divide: true }];
  return [other('an operation that no VGG net has')];
};

/** Channels that were selected and stacked again: reversed, unchanged, or something else. */
const stack = (_: Walk, { constants, config }: KerasLayer): StepKind[] => {
  const order = constants.join();
  if (config['axis'] !== -1 && config['axis'] !== 3) return [other('a stack of values')];
  if (order === '0,1,2') return [];
  return [order === '2,1,0' ? { kind: 'reverse' } : other('a stack of values')];
};

type Handler = (walk: Walk, layer: KerasLayer) => StepKind[];

const handlers: Readonly<Record<string, Handler>> = {
  ...{ Conv2D: conv, Convolution2D: conv },
  Dense: dense,
  MaxPooling2D: pool,
  MaxPool2D: pool,
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
  ZeroPadding2D: zeroPadding,
  ...{ BatchNormalization: batchNorm, BatchNormalizationV1: batchNorm, SyncBatchNormalization: batchNorm },
  Activation: (_, { config }) => [activation(config['activation'])].filter((step) => step !== undefined),
  ReLU: reluLayer,
  Softmax: () => [{ kind: 'output' }],
  Rescaling: rescaling,
  Normalization: normalization,
  ...{ TFOpLambda: operation, SlicingOpLambda: operation, TensorFlowOpLayer: operation },
  ...{
    GetItem: operation,
    Add: operation,
    Subtract: operation,
    Multiply: operation,
    Divide: operation,
    TrueDivide: operation,
  },
  Cast: operation,
  Stack: stack,
  GlobalAveragePooling2D: (walk) => {
    walk.flat = walk.axes === 'flat' ? walk.flat : walk.axes;
    walk.axes = 'flat';
    return [{ kind: 'average' }];
  },
  AveragePooling2D: () => [other('average pooling')],
  GlobalMaxPooling2D: () => [other('a maximum over all positions')],
  [BRANCH]: () => [other('a second use of a value: the net branches')],
};

/**
 * Returns the steps of a model in order.
 *
 * @throws UsageError naming file and layer for weights that are not in the file
 */
export const stepsOfModel = (path: string, layers: readonly KerasLayer[], weightsOf: WeightsOf): Step[] => {
  const walk: Walk = { path, weightsOf, axes: 'hwc', flat: 'hwc' };
  return layers.flatMap((layer) => {
    const { name, className, config } = layer;
    const place = { name, op: className };
    if (idle.has(className)) return [];
    const handler = Object.hasOwn(handlers, className) ? handlers[className] : undefined;
    const steps = handler ? handler(walk, layer) : [other('a layer that no VGG net has')];
    const after = className === 'Activation' ? undefined : activation(config['activation']);
    return [...steps, ...(after ? [after] : [])].map((step) => ({ ...step, ...place }));
  });
};

/** Default names of layers that no VGG net has, in files without a configuration. */
const strange =
  /^(global_(average|max)_pooling|average_pooling|leaky_re_lu|prelu|elu|add|concatenate|multiply|depthwise_conv|separable_conv|conv2d_transpose|lambda|lstm|gru|attention|layer_normalization|group_normalization|up_sampling)/;

/** Rejects layers by name, for files that contain only names. */
export const checkNames = (path: string, names: readonly string[]): void => {
  const found = names.find((name) => strange.test(name));
  if (found === undefined) return;
  throw noVgg(path, { name: found, op: found.replace(/_\d+$/, '') }, 'a layer that no VGG net has');
};
