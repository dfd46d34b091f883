// Kernels of one or two tensors, element by element, that libtorch has an operator for.
import {
  Abs,
  Add,
  Ceil,
  ClipByValue,
  Cos,
  Equal,
  Exp,
  Floor,
  Greater,
  GreaterEqual,
  IsNan,
  Less,
  LessEqual,
  Log,
  Log1p,
  type KernelConfig,
  LogicalAnd,
  LogicalNot,
  LogicalOr,
  Maximum,
  Minimum,
  Multiply,
  Neg,
  NotEqual,
  RealDiv,
  Reciprocal,
  Relu,
  Relu6,
  Rsqrt,
  Select,
  Sigmoid,
  Sign,
  Sin,
  Sqrt,
  Square,
  SquaredDifference,
  Step,
  Sub,
  Tanh,
  backend_util,
} from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../shape.js';
import { tensor } from '../call.js';
import { type NativeKernel, areFloat, config } from './kernel.js';

const RELU = 'aten::relu';

/** Of one float32 tensor, with a result of the same type. */
const unary: Readonly<Record<string, string>> = {
  [Abs]: 'aten::abs',
  [Ceil]: 'aten::ceil',
  [Cos]: 'aten::cos',
  [Exp]: 'aten::exp',
  [Floor]: 'aten::floor',
  [Log]: 'aten::log',
  [Log1p]: 'aten::log1p',
  [Neg]: 'aten::neg',
  [Reciprocal]: 'aten::reciprocal',
  [Relu]: RELU,
  [Rsqrt]: 'aten::rsqrt',
  [Sigmoid]: 'aten::sigmoid',
  [Sign]: 'aten::sign',
  [Sin]: 'aten::sin',
  [Sqrt]: 'aten::sqrt',
  [Square]: 'aten::square',
  [Tanh]: 'aten::tanh',
};

/** Of two float32 tensors, broadcast; with a result of the same type. */
const binary: Readonly<Record<string, string>> = {
  [Maximum]: 'aten::maximum',
  [Minimum]: 'aten::minimum',
  [Multiply]: 'aten::mul.Tensor',
  [RealDiv]: 'aten::div.Tensor',
};

/** Comparisons of two float32 tensors, broadcast; the result is boolean. */
const comparisons: Readonly<Record<string, string>> = {
  [Equal]: 'aten::eq.Tensor',
  [Greater]: 'aten::gt.Tensor',
  [GreaterEqual]: 'aten::ge.Tensor',
  [Less]: 'aten::lt.Tensor',
  [LessEqual]: 'aten::le.Tensor',
  [NotEqual]: 'aten::ne.Tensor',
};

/** Of boolean tensors. */
const logical: Readonly<Record<string, string>> = {
  [LogicalAnd]: 'aten::logical_and',
  [LogicalOr]: 'aten::logical_or',
};

const broadcast = (a: readonly number[], b: readonly number[]): number[] =>
  backend_util.assertAndGetBroadcastShape([...a], [...b]);

const unaryKernel =
  (operator: string): NativeKernel =>
  ({ backend, torch, inputs, own }) => {
    const x = inputs['x']!;
    if (!areFloat(x)) return undefined;
    // ReLU is the same in any type.
    const handle = operator === RELU ? backend.activation(x, own) : backend.native(x, own);
    return backend.wrap(torch.call(operator, tensor(handle)), x.shape);
  };

/** `raw`: whether a mask, or activations in bfloat16, may be a factor as they are. */
const binaryKernel =
  (operator: string, dtype: 'float32' | 'bool', raw = false): NativeKernel =>
  ({ backend, torch, inputs, own }) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    if (!areFloat(a, b)) return undefined;
    const [x, y] = [a, b].map((each) => (raw ? backend.raw(each, own) : backend.native(each, own)));
    return backend.wrap(torch.call(operator, tensor(x!), tensor(y!)), broadcast(a.shape, b.shape), dtype);
  };

/** a + factor * b. */
const sumKernel =
  (factor: number): NativeKernel =>
  ({ backend, torch, inputs, own }) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    if (!areFloat(a, b)) return undefined;
    const sum = torch.addScaled(backend.native(a, own), backend.native(b, own), factor);
    return backend.wrap(sum, broadcast(a.shape, b.shape));
  };

const squaredDifference: NativeKernel = ({ backend, torch, inputs, own }) => {
  const [a, b] = [inputs['a']!, inputs['b']!];
  if (!areFloat(a, b)) return undefined;
  const difference = own(torch.addScaled(backend.native(a, own), backend.native(b, own), -1));
  return backend.wrap(torch.call('aten::square', tensor(difference)), broadcast(a.shape, b.shape));
};

/** Between two numbers; NaN stays. */
const clip =
  (limits: (attrs: Readonly<Record<string, unknown>>) => readonly [number, number]): NativeKernel =>
  ({ backend, torch, inputs, attrs, own }) => {
    const x = inputs['x']!;
    if (!areFloat(x)) return undefined;
    const [low, high] = limits(attrs).map((limit) => tensor(own(torch.full([], limit))));
    const lifted = own(torch.call('aten::maximum', tensor(backend.native(x, own)), low!));
    return backend.wrap(torch.call('aten::minimum', tensor(lifted), high!), x.shape);
  };

/** 1 where x > 0, else alpha: a mask for alpha = 0, which stays boolean until numbers are wanted. NaN is a number above none. */
const step: NativeKernel = ({ backend, torch, inputs, attrs, own }) => {
  const x = inputs['x']!;
  if (!areFloat(x) || (attrs['alpha'] ?? 0) !== 0) return undefined;
  const handle = backend.raw(x, own);
  const zero = own(torch.full([], 0));
  return backend.wrap(torch.call('aten::gt.Tensor', tensor(handle), tensor(zero)), x.shape);
};

const logicalKernel =
  (operator: string): NativeKernel =>
  ({ backend, torch, inputs, own }) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    if (a.dtype !== 'bool' || b.dtype !== 'bool') return undefined;
    const [x, y] = [a, b].map((each) => tensor(backend.native(each, own)));
    return backend.wrap(torch.call(operator, x!, y!), broadcast(a.shape, b.shape), 'bool');
  };

const logicalNot: NativeKernel = ({ backend, torch, inputs, own }) => {
  const x = inputs['x']!;
  if (x.dtype !== 'bool') return undefined;
  return backend.wrap(torch.call('aten::logical_not', tensor(backend.native(x, own))), x.shape, 'bool');
};

const isNan: NativeKernel = ({ backend, torch, inputs, own }) => {
  const x = inputs['x']!;
  if (!areFloat(x)) return undefined;
  return backend.wrap(torch.call('aten::isnan', tensor(backend.native(x, own))), x.shape, 'bool');
};

/** t where the condition holds, else e. */
const select: NativeKernel = ({ backend, torch, inputs, own }) => {
  const [condition, t, e] = [inputs['condition']!, inputs['t']!, inputs['e']!];
  const isPlain = isSameShape(condition.shape, t.shape) && isSameShape(t.shape, e.shape);
  if (!areFloat(t, e) || condition.dtype !== 'bool' || !isPlain) return undefined;
  const [c, x, y] = [condition, t, e].map((each) => tensor(backend.native(each, own)));
  return backend.wrap(torch.call('aten::where.self', c!, x!, y!), t.shape);
};

const configsOf = (
  table: Readonly<Record<string, string>>,
  kernel: (operator: string) => NativeKernel,
): KernelConfig[] => Object.entries(table).map(([name, operator]) => config(name, kernel(operator)));

export const pointwiseConfigs: readonly KernelConfig[] = [
  ...configsOf(unary, unaryKernel),
  ...configsOf(binary, (operator) => binaryKernel(operator, 'float32', operator === 'aten::mul.Tensor')),
  ...configsOf(comparisons, (operator) => binaryKernel(operator, 'bool')),
  ...configsOf(logical, logicalKernel),
  config(Add, sumKernel(1)),
  config(Sub, sumKernel(-1)),
  config(SquaredDifference, squaredDifference),
  config(
    ClipByValue,
    clip((attrs) => [attrs['clipValueMin'] as number, attrs['clipValueMax'] as number]),
  ),
  config(
    Relu6,
    clip(() => [0, 6]),
  ),
  config(Step, step),
  config(LogicalNot, logicalNot),
  config(IsNan, isNan),
  config(Select, select),
];
