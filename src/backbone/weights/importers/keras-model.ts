// A Keras model's configuration as the steps of a net: Keras 2 and 3, models within models, and layers that change nothing.
import { isRecord } from '../../../checks.js';
import { UsageError, expected } from '../../../errors.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import type { PerChannel } from './source.js';
import { type Pads, type Step, type StepKind, noVgg } from './steps.js';

type Config = Readonly<Record<string, unknown>>;

/** A layer where it is used: its configuration, and the models that it lies in. */
export interface KerasLayer {
  readonly name: string;
  readonly className: string;
  readonly config: Config;
  /** Names of the models that hold it, the outermost first. */
  readonly models: readonly string[];
  /** Its place in Keras 3's files of weights: "layers/functional/layers/conv2d_1". */
  readonly place: string;
  /** Values that are not layers, given to it besides its input: Keras's operations on tensors have them. */
  readonly constants: readonly unknown[];
}

/** Gives a layer's weights in Keras's order (kernel, bias; gamma, beta, mean, variance). */
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

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** "conv2d_transpose" of Conv2DTranspose, as Keras makes names of classes. */
const snakeCase = (name: string): string =>
  name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** The layers of a model as its configuration lists them; undefined for a layer that is none. */
const layersIn = (className: string, config: unknown): readonly Config[] | undefined => {
  const list = Array.isArray(config) ? config : isRecord(config) ? config['layers'] : undefined;
  const isModel = /^(Functional|Model|Sequential)$/.test(className) || isRecord(config);
  return isModel && Array.isArray(list) ? list.filter(isRecord) : undefined;
};

const nameOf = (layer: Config): string => {
  const config = layer['config'];
  return (
    textOf(layer['name']) ??
    (isRecord(config) ? textOf(config['name']) : undefined) ??
    String(layer['class_name'])
  );
};

/** Names of the layers whose outputs go into a layer, and what else is given to it. */
const inputsOf = (layer: Config): { inputs: string[]; constants: unknown[]; uses: number } => {
  const inputs: string[] = [];
  const constants: unknown[] = [];
  const visit = (value: unknown): void => {
    if (isRecord(value)) {
      if (value['class_name'] === '__keras_tensor__' && isRecord(value['config'])) {
        const history = value['config']['keras_history'];
        if (Array.isArray(history) && typeof history[0] === 'string') inputs.push(history[0]);
      } else if (typeof value['class_name'] === 'string') constants.push(value);
      else Object.values(value).forEach(visit);
    } else if (Array.isArray(value)) {
      // Keras 2: [layer, node, tensor, arguments].
      if (typeof value[0] === 'string' && typeof value[1] === 'number') {
        inputs.push(value[0]);
        if (isRecord(value[3])) constants.push(...Object.values(value[3]));
      } else if (value.every((each) => typeof each === 'number')) constants.push(value);
      else value.forEach(visit);
    } else if (value !== null && value !== undefined) constants.push(value);
  };
  const nodes = Array.isArray(layer['inbound_nodes']) ? (layer['inbound_nodes'] as unknown[]) : [];
  for (const node of nodes.slice(0, 1)) visit(node);
  return { inputs, constants, uses: nodes.length };
};

/** The names of a model's inputs. */
const startsOf = (config: unknown): string[] => {
  const list = isRecord(config) ? config['input_layers'] : undefined;
  if (!Array.isArray(list)) return [];
  const entries: unknown[] = typeof list[0] === 'string' ? [list] : list;
  return entries.flatMap((entry) => (Array.isArray(entry) && typeof entry[0] === 'string' ? [entry[0]] : []));
};

/** A layer of a graph with the layers that it takes its values from. */
type Fact = { readonly layer: Config; readonly name: string } & ReturnType<typeof inputsOf>;

/** A layer in a chain; `branch` where the chain ends since its value is used twice. */
interface Link {
  readonly layer: Config;
  readonly constants: readonly unknown[];
  readonly branch?: boolean;
}

/** The stack that three picks of a colour go into, as preprocess_input of Keras 3 turns the colours round; undefined for other users. */
const stackOf = (
  users: readonly Fact[],
  facts: readonly Fact[],
): { stack: Fact; picked: number[] } | undefined => {
  if (users.length !== 3 || users.some(({ layer }) => layer['class_name'] !== 'GetItem')) return undefined;
  const [stack, ...others] = facts.filter(({ inputs }) => users.some(({ name }) => inputs.includes(name)));
  if (!stack || others.length > 0 || stack.layer['class_name'] !== 'Stack') return undefined;
  const picked = stack.inputs.map((name) => users.find((user) => user.name === name)?.constants.at(-1));
  return picked.every((n) => typeof n === 'number') ? { stack, picked } : undefined;
};

/** The layers in the order in which they are applied, as far as they form a chain; the second of two that use one value ends it. */
const ordered = (className: string, config: unknown, layers: readonly Config[]): Link[] => {
  const isGraph = className !== 'Sequential' && layers.some((layer) => Array.isArray(layer['inbound_nodes']));
  if (!isGraph) return layers.map((layer) => ({ layer, constants: [] }));
  const facts: Fact[] = layers.map((layer) => ({ layer, name: nameOf(layer), ...inputsOf(layer) }));
  const starts = startsOf(config);
  const first =
    facts.find(({ name }) => starts.includes(name)) ?? facts.find(({ inputs }) => inputs.length === 0);
  const chain: Link[] = [];
  const seen = new Set<string>();
  for (let at = first, given = first?.constants ?? []; at;) {
    chain.push({ layer: at.layer, constants: given, ...(at.uses > 1 ? { branch: true } : {}) });
    seen.add(at.name);
    const { name } = at;
    const users = facts.filter(({ inputs }) => inputs.includes(name));
    const stacked = stackOf(users, facts);
    if (users.length > 1 && !stacked) {
      chain.push({ layer: users[1]!.layer, constants: [], branch: true });
      break;
    }
    const next: Fact | undefined = stacked?.stack ?? users[0];
    at = next && !seen.has(next.name) ? next : undefined;
    given = stacked?.picked ?? next?.constants ?? [];
  }
  return chain;
};

const MAX_DEPTH = 8;
const BRANCH = 'Branch';

/** All layers of a model in order, those of models within it in their place. */
export const layersOfModel = (path: string, model: unknown): KerasLayer[] => {
  const leaves: KerasLayer[] = [];
  const visit = (className: string, config: unknown, models: readonly string[], place: string): void => {
    const layers = layersIn(className, config) ?? [];
    if (models.length > MAX_DEPTH) throw expected(`models nested at most ${MAX_DEPTH} deep`, path, models);
    // Keras 3 numbers the layers of each class in the order of the list.
    const counts = new Map<string, number>();
    const places = new Map<Config, string>();
    for (const layer of layers) {
      const name = snakeCase(textOf(layer['class_name']) ?? '');
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      places.set(layer, `${place}layers/${name}${count > 0 ? `_${count}` : ''}`);
    }
    for (const { layer, constants, branch } of ordered(className, config, layers)) {
      const [kind, own] = [textOf(layer['class_name']) ?? '', layer['config']];
      const name = nameOf(layer);
      const inner = layersIn(kind, own);
      if (inner && !branch) visit(kind, own, [...models, name], `${places.get(layer)!}/`);
      else {
        const leaf = {
          name,
          className: branch ? BRANCH : kind,
          config: isRecord(own) ? own : {},
          models,
          constants,
        };
        leaves.push({ ...leaf, place: places.get(layer)! });
      }
    }
  };
  if (!isRecord(model)) throw expected('the configuration of a Keras model', path, model);
  const className = textOf(model['class_name']) ?? '';
  if (!layersIn(className, model['config'])) {
    throw expected(
      'a functional or sequential Keras model',
      path,
      className,
      'Its program builds the layers: they are not in the file.',
    );
  }
  visit(className, model['config'], [], '');
  return leaves;
};

/** The name of an activation: a text, or a serialised function. */
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

/** Layers that change nothing when a net is used. */
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
  // Images are resized before they reach a net here.
  ...['Resizing', 'CenterCrop'],
]);

interface Walk {
  readonly path: string;
  readonly weightsOf: WeightsOf;
  /** The order of a map's axes, without that of the images. */
  axes: 'hwc' | 'chw' | 'flat';
  /** The order in which the flattened map runs. */
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

/** Keras's Normalization layer: (x - mean) / sqrt(variance), the variance kept above 1e-14. */
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

/** A slice that turns the last axis round: `x[..., ::-1]`, as preprocess_input has it in a graph. */
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

/** Colours that were picked and put together again: turned round, as they were, or something else. */
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
 * The steps of a model in order.
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

/** Default names of layers that no VGG net has, as files without a configuration list them. */
const strange =
  /^(global_(average|max)_pooling|average_pooling|leaky_re_lu|prelu|elu|add|concatenate|multiply|depthwise_conv|separable_conv|conv2d_transpose|lambda|lstm|gru|attention|layer_normalization|group_normalization|up_sampling)/;

/** Refuses a list of layers by name, where names are all that a file has. */
export const checkNames = (path: string, names: readonly string[]): void => {
  const found = names.find((name) => strange.test(name));
  if (found === undefined) return;
  throw noVgg(path, { name: found, op: found.replace(/_\d+$/, '') }, 'a layer that no VGG net has');
};

/** The error for a file that is damaged where its configuration should be. */
export const parseConfig = (path: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `The configuration of the Keras model in ${path} is damaged: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
};
