// Converts an ONNX graph to the steps of a net. Tracks axes by name through transposes and reshapes, so that
// layouts do not matter.
import { expected } from '../../../errors.js';
import type { OnnxFile, OnnxNode, OnnxTensor } from '../../../formats/onnx.js';
import { sizeFromShape } from '../../../shape.js';
import { type Constants, constantsOf } from './onnx-constants.js';
import type { PerChannel } from './source.js';
import { type Pads, type Step, type StepKind, noVgg } from './steps.js';

/**
 * The axes of the current value: n, c, h and w once known, before that the input's axes by number. A
 * flattened axis is written as its component axes: "chw".
 */
type Axes = readonly string[];

interface State {
  readonly path: string;
  readonly constants: Constants;
  axes: Axes;
  /** The input's channel axis, if a preprocessing step used one; checked at the first convolution. */
  colours: { readonly axis: string; readonly node: OnnxNode } | undefined;
}

const isMap = (axes: Axes): boolean => axes.length === 4;
const isKnown = (axes: Axes): boolean => axes.includes('n');

const int = (node: OnnxNode, name: string, otherwise: number): number =>
  node.attributes.get(name)?.int ?? otherwise;

const ints = (node: OnnxNode, name: string): readonly number[] | undefined => node.attributes.get(name)?.ints;

/** A list that is an input in newer operator sets, an attribute in older ones. */
const listOf = (state: State, node: OnnxNode, name: string, input: number): readonly number[] | undefined =>
  ints(node, name) ?? state.constants.get(node.inputs[input] ?? '')?.ints();

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Pads of a convolution or pooling: ONNX lists all beginnings, then all ends, like ours. */
const padsOf = (node: OnnxNode): Pads => {
  const auto = node.attributes.get('auto_pad')?.text ?? 'NOTSET';
  if (auto.startsWith('SAME')) return 'same';
  if (auto === 'VALID') return 'valid';
  const [top = 0, left = 0, bottom = 0, right = 0] = ints(node, 'pads') ?? [];
  return [top, left, bottom, right];
};

const other = (what: string): StepKind => ({ kind: 'other', what });

/** The four axes of a map in ONNX's order, as a convolution or pooling needs them. */
const mapAxes = ['n', 'c', 'h', 'w'] as const;

/** Names the axes at the first operator that knows them; later ones must find them in order. */
const asMap = (state: State): StepKind | undefined => {
  if (!isMap(state.axes)) return other(`on a value of ${state.axes.length} axes`);
  if (!isKnown(state.axes)) {
    const { colours } = state;
    if (colours && state.axes[1] !== colours.axis) {
      throw noVgg(
        state.path,
        { name: colours.node.name, op: colours.node.op },
        'arithmetic along an axis that is not that of the colours',
      );
    }
    state.axes = mapAxes;
  }
  return state.axes.join('') === 'nchw' ? undefined : other(`on axes in the order ${state.axes.join('')}`);
};

const conv = (state: State, node: OnnxNode): StepKind => {
  const wrong = asMap(state);
  if (wrong) return wrong;
  const kernel = state.constants.get(node.inputs[1] ?? '');
  if (!kernel) throw expected('constant weights', `the node ${node.name} of ${state.path}`, node.inputs[1]);
  const bias = state.constants.get(node.inputs[2] ?? '');
  if (kernel.shape.length !== 4) return other(`a convolution with a kernel of ${kernel.shape.length} axes`);
  return {
    kind: 'conv',
    kernel,
    axes: 'oihw',
    window: [kernel.shape[2]!, kernel.shape[3]!],
    bias,
    strides: ints(node, 'strides') ?? [1, 1],
    pads: padsOf(node),
    dilations: ints(node, 'dilations') ?? [1, 1],
    groups: int(node, 'group', 1),
  };
};

const pool = (state: State, node: OnnxNode): StepKind => {
  const window = ints(node, 'kernel_shape') ?? [];
  const strides = ints(node, 'strides') ?? window.map(() => 1);
  const isNothing = window.every((n) => n === 1) && strides.every((n) => n === 1);
  if (node.op !== 'MaxPool' && !isNothing) return other('average pooling');
  const wrong = asMap(state);
  if (wrong) return wrong;
  if ((ints(node, 'dilations') ?? []).some((n) => n !== 1)) return other('dilated pooling');
  return { kind: 'pool', window, strides, pads: padsOf(node) };
};

const flatten = (state: State, axes: Axes): StepKind => {
  const [batch, ...rest] = axes;
  if (!isKnown(axes) || batch !== 'n')
    return other('a flattened map in another order than images, then the rest');
  state.axes = ['n', rest.join('')];
  return { kind: 'flatten' };
};

/** The length of a shape that a graph computes (Shape, Gather, Concat …); undefined if unknown. */
const rankOf = (state: State, name: string): number | undefined => {
  const constant = state.constants.get(name);
  if (constant) return constant.ints()?.length;
  return state.constants.rank(name);
};

const reshape = (state: State, node: OnnxNode): StepKind | undefined => {
  const target = ints(node, 'shape') ?? state.constants.get(node.inputs[1] ?? '')?.ints();
  const rank = target?.length ?? rankOf(state, node.inputs[1] ?? '');
  const { axes } = state;
  if (rank === 2) return axes.length === 2 ? undefined : flatten(state, axes);
  // A vector as a map of one position.
  if (axes.length === 2 && rank === 4 && target) {
    if (target[2] === 1 && target[3] === 1) state.axes = mapAxes;
    else if (target[1] === 1 && target[2] === 1) state.axes = ['n', 'h', 'w', 'c'];
    else return other(`a reshape to [${target.join(', ')}]`);
    return undefined;
  }
  // 0 keeps a size; what is spelled out again keeps it too where nothing else is left.
  if (axes.length === 4 && rank === 4 && target?.every((n, i) => n === 0 || (i === 0 && n === -1)))
    return undefined;
  return other(`a reshape to ${target ? `[${target.join(', ')}]` : 'a shape that is computed'}`);
};

/** The order of a matrix's axes: the flattened value's axes, and the outputs. */
const matrixAxes = (flat: string, outputsFirst: boolean): string => {
  const inputs = Array.from(flat, (axis) => (axis === 'c' ? 'i' : axis)).join('');
  const all = inputs.length === 3 ? inputs : 'ihw';
  return outputsFirst ? `o${all}` : `${all}o`;
};

/** A matrix product of the value with a two-axis constant; `turned` if the constant is transposed. */
const product = (state: State, node: OnnxNode, kernel: OnnxTensor, turned: boolean): StepKind => {
  const [batch, flat = ''] = state.axes;
  if (state.axes.length !== 2 || batch !== 'n' || kernel.shape.length !== 2) {
    return other(`a matrix product of a value of ${state.axes.length} axes`);
  }
  const untransposed = state.constants.untransposed(kernel);
  const outputsFirst = turned !== (untransposed !== undefined);
  state.axes = ['n', 'c'];
  return { kind: 'dense', kernel: untransposed ?? kernel, axes: matrixAxes(flat, outputsFirst) };
};

const flat = (tensor: OnnxTensor): OnnxTensor => ({ ...tensor, shape: [sizeFromShape(tensor.shape)] });

const gemm = (state: State, node: OnnxNode, value: string): StepKind[] => {
  const [a = '', b = '', c = ''] = node.inputs;
  const kernel = state.constants.get(b);
  if (a !== value || !kernel) return [other('a matrix product without constant weights')];
  if (int(node, 'transA', 0) === 1) state.axes = state.axes.toReversed();
  const [alpha, beta] = [node.attributes.get('alpha')?.float ?? 1, node.attributes.get('beta')?.float ?? 1];
  const dense = product(state, node, kernel, int(node, 'transB', 0) === 1);
  const bias = state.constants.get(c);
  if (c !== '' && !bias) return [other('a matrix product whose bias is no constant')];
  if (dense.kind !== 'dense') return [dense];
  if (bias && sizeFromShape(bias.shape) === 1)
    return [dense, { kind: 'scale', by: alpha }, { kind: 'shift', by: flat(bias), factor: beta }];
  if (alpha === 1 && beta === 1) return [{ ...dense, bias: bias && flat(bias) }];
  const shift: StepKind[] = bias && beta !== 0 ? [{ kind: 'shift', by: flat(bias), factor: beta }] : [];
  return [dense, { kind: 'scale', by: alpha }, ...shift];
};

const matMul = (state: State, node: OnnxNode, value: string): StepKind => {
  const kernel = state.constants.get(node.inputs[1] ?? '');
  return node.inputs[0] === value && kernel
    ? product(state, node, kernel, false)
    : other('a matrix product without constant weights');
};

/** The axis along which a constant differs, when it is broadcast to the value: all but one of its sizes are 1. */
const axisOf = ({ axes }: State, { shape }: OnnxTensor): string | undefined => {
  const long = shape.flatMap((n, i) => (n === 1 ? [] : [i]));
  return long.length === 1 ? axes[axes.length - shape.length + long[0]!] : undefined;
};

/** Adds, multiplies … by one number per channel, or one for all. */
const arithmetic = (state: State, node: OnnxNode, value: string): StepKind => {
  const isFirst = node.inputs[0] === value;
  const constant = state.constants.get(node.inputs[isFirst ? 1 : 0] ?? '');
  if (node.inputs.length !== 2 || !constant) return other('arithmetic between two values: the net branches');
  if (!isFirst && (node.op === 'Sub' || node.op === 'Div'))
    return other('arithmetic with the value as its second operand');
  let by: PerChannel = flat(constant);
  if (sizeFromShape(constant.shape) !== 1) {
    const axis = axisOf(state, constant);
    if (axis === undefined)
      return other(`arithmetic with a constant of shape [${constant.shape.join(', ')}], not by channel`);
    if (!isKnown(state.axes)) state.colours ??= { axis, node };
    const isChannel = isKnown(state.axes)
      ? axis.includes('c') && axis.length === 1
      : axis === state.colours?.axis;
    if (!isChannel) return other('arithmetic along another axis than that of the channels');
    by = flat(constant);
  }
  if (node.op === 'Mul' || node.op === 'Div') return { kind: 'scale', by, divide: node.op === 'Div' };
  return { kind: 'shift', by, factor: node.op === 'Sub' ? -1 : 1 };
};

const batchNorm = (state: State, node: OnnxNode): StepKind => {
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => state.constants.get(node.inputs[i] ?? ''));
  if (!gamma || !beta || !mean || !variance) {
    throw expected('constant weights', `the node ${node.name} of ${state.path}`, node.inputs);
  }
  if (isMap(state.axes)) {
    const wrong = asMap(state);
    if (wrong) return wrong;
  } else if (state.axes[1] !== 'c') return other('batch normalisation of a flattened map');
  const epsilon = node.attributes.get('epsilon')?.float ?? 1e-5;
  return { kind: 'norm', gamma, beta, mean, variance, epsilon };
};

const lrn = (state: State, node: OnnxNode): StepKind => {
  const wrong = asMap(state);
  if (wrong) return wrong;
  const float = (name: string, otherwise: number): number => node.attributes.get(name)?.float ?? otherwise;
  const size = int(node, 'size', 0);
  return {
    kind: 'lrn',
    size,
    alpha: float('alpha', 1e-4) / size,
    beta: float('beta', 0.75),
    k: float('bias', 1),
  };
};

const pad = (state: State, node: OnnxNode): StepKind | undefined => {
  const list = listOf(state, node, 'pads', 1) ?? ints(node, 'paddings');
  const mode = node.attributes.get('mode')?.text ?? 'constant';
  const rank = state.axes.length;
  if (!list || list.length !== 2 * rank) return other('padding that is computed');
  if (list.every((n) => n === 0)) return undefined;
  const value = node.attributes.get('value')?.float ?? 0;
  const given = node.inputs[2] ? state.constants.number(node.inputs[2]) : 0;
  if (mode !== 'constant' || value !== 0 || given !== 0)
    return other(`padding by another rule than zeros (${mode})`);
  const before = isKnown(state.axes) ? state.axes : mapAxes;
  const at = (axis: string): readonly [number, number] => {
    const i = before.indexOf(axis);
    return [list[i]!, list[i + rank]!];
  };
  if (rank !== 4) return other('padding of a vector');
  const [[n0, n1], [c0, c1], [top, bottom], [left, right]] = ['n', 'c', 'h', 'w'].map(at) as [
    number,
    number,
  ][] as [[number, number], [number, number], [number, number], [number, number]];
  if (n0 || n1 || c0 || c1) return other('padding of the channels');
  return { kind: 'pad', pads: [top, left, bottom, right] };
};

/** A selection along an axis, which may reverse the channels: Gather with [2, 1, 0], Slice with step -1. */
const reverse = (state: State, node: OnnxNode): StepKind => {
  const rank = state.axes.length;
  let axis: number | undefined;
  if (node.op === 'GatherND') {
    const picked = state.constants.get(node.inputs[1] ?? '')?.ints();
    if (picked?.join() === '2,1,0' && int(node, 'batch_dims', 0) === 0) axis = 0;
  } else if (node.op === 'Gather') {
    const picked = state.constants.get(node.inputs[1] ?? '')?.ints();
    if (picked?.join() === '2,1,0') axis = int(node, 'axis', 0);
  } else {
    const [axes, steps] = [
      state.constants.get(node.inputs[3] ?? '')?.ints(),
      state.constants.get(node.inputs[4] ?? '')?.ints(),
    ];
    if (steps?.length === 1 && steps[0] === -1) axis = axes?.[0] ?? 0;
  }
  if (axis === undefined || isKnown(state.axes)) return other('a part of a value');
  const named = state.axes[positive(axis, rank)]!;
  state.colours ??= { axis: named, node };
  return named === state.colours.axis
    ? { kind: 'reverse' }
    : other('a value turned round along another axis than that of the colours');
};

const transpose = (state: State, node: OnnxNode): undefined => {
  const perm = ints(node, 'perm') ?? state.axes.map((_, i) => state.axes.length - 1 - i);
  state.axes = perm.map((from) => state.axes[from] ?? '?');
  return undefined;
};

const squeeze = (state: State, node: OnnxNode): StepKind | undefined => {
  const rank = state.axes.length;
  const removed = (listOf(state, node, 'axes', 1) ?? []).map((axis) => positive(axis, rank));
  const left = state.axes.filter((_, i) => !removed.includes(i));
  const gone = removed
    .map((i) => state.axes[i])
    .sort()
    .join('');
  if (left.join('') !== 'nc' || gone !== 'hw')
    return other('a value squeezed along other axes than those of the map');
  state.axes = ['n', 'chw'];
  return { kind: 'flatten' };
};

const unsqueeze = (state: State, node: OnnxNode): StepKind | undefined => {
  const added = listOf(state, node, 'axes', 1) ?? [];
  const rank = state.axes.length + added.length;
  const places = added.map((axis) => positive(axis, rank)).sort((a, b) => a - b);
  const axes = [...state.axes];
  if (isKnown(axes)) {
    if (axes.join('') !== 'nc' || places.join() !== '2,3') return other('a value with further axes');
    state.axes = mapAxes;
    return undefined;
  }
  for (const place of places) axes.splice(place, 0, `+${place}`);
  state.axes = axes;
  return undefined;
};

/** An average over both spatial axes. */
const average = (state: State, node: OnnxNode): StepKind => {
  if (node.op === 'GlobalAveragePool') {
    const wrong = asMap(state);
    return wrong ?? { kind: 'average' };
  }
  const rank = state.axes.length;
  const over = (listOf(state, node, 'axes', 1) ?? []).map((axis) => state.axes[positive(axis, rank)]);
  if ([...over].sort().join('') !== 'hw') return other('an average over other axes than those of the map');
  if (int(node, 'keepdims', 1) === 0)
    state.axes = state.axes.filter((axis) => !over.includes(axis)).map((a) => (a === 'c' ? 'chw' : a));
  return { kind: 'average' };
};

const clip = (state: State, node: OnnxNode): StepKind => {
  const bound = (name: string, input: number): number | undefined =>
    node.attributes.get(name)?.float ??
    (node.inputs[input] ? (state.constants.number(node.inputs[input]) ?? NaN) : undefined);
  const [low, high = Infinity] = [bound('min', 1), bound('max', 2)];
  return low === 0 && high > 1e30 ? { kind: 'relu' } : other('an activation that is no ReLU');
};

const activation = (alpha: number): StepKind =>
  alpha === 0 ? { kind: 'relu' } : other('an activation that is no ReLU');

const maximum = (state: State, node: OnnxNode, value: string): StepKind => {
  const constants = node.inputs.filter((name) => name !== value).map((name) => state.constants.number(name));
  return constants.length === 1 && constants[0] === 0 ? { kind: 'relu' } : other('a maximum of values');
};

/** Casts between floating-point types, and from pixels, are ignored. */
const cast = (node: OnnxNode): StepKind | undefined =>
  [1, 10, 11, 16].includes(int(node, 'to', 1)) ? undefined : other('a cast to whole numbers');

type Handler = (state: State, node: OnnxNode, value: string) => StepKind | StepKind[] | undefined;

const nothing: Handler = () => undefined;
const output: Handler = () => ({ kind: 'output' });

/** The step of each operator; undefined if it has no effect. */
const handlers: Readonly<Record<string, Handler>> = {
  Conv: conv,
  MaxPool: pool,
  AveragePool: pool,
  Gemm: gemm,
  MatMul: matMul,
  ...{ Add: arithmetic, Sub: arithmetic, Mul: arithmetic, Div: arithmetic, Sum: arithmetic },
  BatchNormalization: batchNorm,
  LRN: lrn,
  Relu: () => ({ kind: 'relu' }),
  Clip: clip,
  Max: maximum,
  LeakyRelu: (_, node) => activation(node.attributes.get('alpha')?.float ?? 0.01),
  Pad: pad,
  ...{ Gather: reverse, GatherND: reverse, Slice: reverse },
  Transpose: transpose,
  Reshape: reshape,
  Flatten: (state, node) =>
    positive(int(node, 'axis', 1), state.axes.length) !== 1
      ? other('a value flattened from another axis')
      : state.axes.length === 2
        ? undefined
        : flatten(state, state.axes),
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  ...{ GlobalAveragePool: average, ReduceMean: average },
  GlobalMaxPool: () => other('a maximum over all positions'),
  Cast: (_, node) => cast(node),
  ...{ Identity: nothing, Dropout: nothing },
  ...{
    Softmax: output,
    LogSoftmax: output,
    Sigmoid: output,
    ArgMax: output,
    TopK: output,
    HardSigmoid: output,
  },
};

/** Operators that read a value's shape, not its numbers. */
const shapeOnly = new Set(['Shape', 'Size']);
/** Operators without effect between a value and a graph output. */
const passing = new Set(['Identity', 'Cast', 'Dropout', 'Flatten', 'Reshape', 'Squeeze', 'Transpose']);

/** The nodes that process a value, except those that only read its shape or pass it to an output. */
const followers = (nodes: ReadonlyMap<string, readonly OnnxNode[]>, value: string): readonly OnnxNode[] => {
  const users = (nodes.get(value) ?? []).filter(({ op }) => !shapeOnly.has(op));
  if (users.length < 2) return users;
  const leadsOn = (node: OnnxNode): boolean =>
    !passing.has(node.op) || node.outputs.some((name) => (nodes.get(name) ?? []).some(leadsOn));
  return users.filter(leadsOn);
};

/** The net's input: the graph input with four axes, else the first. */
const inputOf = ({ path, inputs, tensors }: OnnxFile): { name: string; axes: Axes } => {
  const data = inputs.filter(({ name }) => !tensors.has(name));
  const chosen = data.find(({ shape }) => shape?.length === 4) ?? data[0];
  if (!chosen) throw expected('an input', `the ONNX model ${path}`, 'none');
  return { name: chosen.name, axes: Array.from(chosen.shape ?? [0, 1, 2, 3], (_, i) => String(i)) };
};

/**
 * The steps of a graph, starting at its input, as far as they form a chain.
 *
 * @returns `channelsLast` if the input's last axis is the channels (as in TensorFlow)
 * @throws UsageError naming file and node for weights that are not in the file
 */
export const stepsOf = (file: OnnxFile): { steps: Step[]; channelsLast: boolean } => {
  const { path } = file;
  const constants = constantsOf(file);
  const { name: input, axes } = inputOf(file);
  const state: State = { path, constants, axes, colours: undefined };
  const users = new Map<string, OnnxNode[]>();
  for (const node of file.nodes) {
    for (const name of new Set(node.inputs)) users.set(name, [...(users.get(name) ?? []), node]);
  }
  const steps: Step[] = [];
  const seen = new Set<OnnxNode>();
  let channelsLast = false;
  for (let value = input; ;) {
    const [node, second] = followers(users, value);
    if (!node) break;
    const place = { name: node.name, op: node.op };
    if (second) {
      steps.push({
        ...place,
        name: second.name,
        op: second.op,
        kind: 'other',
        what: `a second use of the value ${value}: the net branches`,
      });
      break;
    }
    if (seen.has(node)) throw expected('a graph without circles', path, node.name);
    seen.add(node);
    const before = state.axes;
    const handler =
      node.domain === '' || node.domain === 'ai.onnx'
        ? Object.hasOwn(handlers, node.op)
          ? handlers[node.op]
          : undefined
        : undefined;
    const made = handler ? handler(state, node, value) : other('an operator that no VGG net has');
    if (!isKnown(before) && isKnown(state.axes)) channelsLast = before[1] === axes.at(-1);
    for (const kind of made === undefined ? [] : Array.isArray(made) ? made : [made])
      steps.push({ ...kind, ...place });
    const next = node.outputs[0];
    if (next === undefined) break;
    value = next;
  }
  return { steps, channelsLast };
};
