// Kernels that move numbers and compute none: other shapes, orders and types.
import {
  Cast,
  Concat,
  type DataType,
  Fill,
  Identity,
  type KernelConfig,
  OnesLike,
  PadV2,
  Reshape,
  Slice,
  Transpose,
  ZerosLike,
  backend_util,
  slice_util,
  util,
} from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { dtypes, int, some, tensor, tensors } from '../call.js';
import { type NativeKernel, config } from './kernel.js';

const types: Readonly<Partial<Record<DataType, number>>> = {
  float32: dtypes.float32,
  int32: dtypes.int32,
  bool: dtypes.bool,
};

const identity: NativeKernel = ({ backend, inputs }) => {
  const x = inputs['x']!;
  return backend.canBeNative(x) ? backend.alias(x, x.shape) : undefined;
};

const reshape: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  if (!backend.canBeNative(x)) return undefined;
  const shape = util.inferFromImplicitShape(attrs['shape'] as number[], sizeFromShape(x.shape));
  if (sizeFromShape(shape) !== sizeFromShape(x.shape)) return undefined; // tfjs-cpu's error says it.
  return backend.alias(x, shape);
};

/** To float32 from integers, and to boolean from anything; tfjs-cpu knows its own ways for the rest. */
const cast: NativeKernel = ({ backend, torch, inputs, attrs, own }) => {
  const x = inputs['x']!;
  const dtype = attrs['dtype'] as DataType;
  if (!backend.canBeNative(x)) return undefined;
  if (dtype === x.dtype) return backend.alias(x, x.shape);
  const isWider = dtype === 'float32' || (dtype === 'int32' && x.dtype === 'bool');
  if (!isWider) return undefined;
  return backend.wrap(torch.cast(backend.native(x, own), types[dtype]!), x.shape, dtype);
};

/** A view: the numbers stay where they are. */
const transpose: NativeKernel = ({ backend, torch, inputs, attrs, own }) => {
  const x = inputs['x']!;
  const perm = attrs['perm'] as number[];
  if (!backend.canBeNative(x)) return undefined;
  const shape = perm.map((axis) => x.shape[axis]!);
  return backend.wrap(torch.permute(backend.native(x, own), perm), shape, x.dtype);
};

const concat: NativeKernel = ({ backend, torch, inputs, attrs, own }) => {
  const all = Object.values(inputs).map((each) => each!);
  const [first] = all;
  if (!first || !all.every((each) => backend.canBeNative(each) && each.dtype === first.dtype))
    return undefined;
  const axis = util.parseAxisParam(attrs['axis'] as number, first.shape)[0]!;
  const shapes = all.map(({ shape }) => shape);
  backend_util.assertParamsConsistent(shapes, axis);
  const shape = backend_util.computeOutShape(shapes, axis);
  const whole = all.filter((each) => sizeFromShape(each.shape) > 0);
  if (whole.length === 0) return undefined;
  const handles = whole.map((each) => backend.native(each, own));
  return backend.wrap(torch.call('aten::cat', tensors(handles), int(axis)), shape, first.dtype);
};

/** A dense copy: a view would keep the whole tensor in memory. */
const slice: NativeKernel = ({ backend, torch, inputs, attrs, own }) => {
  const x = inputs['x']!;
  if (!backend.canBeNative(x)) return undefined;
  const [begin, size] = slice_util.parseSliceParams(
    x,
    attrs['begin'] as number[],
    attrs['size'] as number[],
  ) as [number[], number[]];
  slice_util.assertParamsValid(x, begin, size);
  let handle = backend.native(x, own);
  begin.forEach((start, axis) => {
    if (size[axis] === x.shape[axis]) return;
    const end = start + size[axis]!;
    const range = [int(axis), some(int(start)), some(int(end)), int(1)];
    handle = own(torch.call('aten::slice.Tensor', tensor(handle), ...range));
  });
  const copy = torch.empty(size, types[x.dtype]);
  torch.copy(copy, handle);
  return backend.wrap(copy, size, x.dtype);
};

const pad: NativeKernel = ({ backend, torch, inputs, attrs, own }) => {
  const x = inputs['x']!;
  if (x.dtype !== 'float32') return undefined;
  const paddings = attrs['paddings'] as [number, number][];
  const shape = x.shape.map((side, axis) => side + paddings[axis]![0] + paddings[axis]![1]);
  const pads = [...paddings].reverse().flat();
  return backend.wrap(torch.pad(backend.native(x, own), pads, attrs['constantValue'] as number), shape);
};

const fill: NativeKernel = ({ backend, torch, attrs }) => {
  const [shape, value] = [attrs['shape'] as number[], attrs['value']];
  const dtype = (attrs['dtype'] as DataType | undefined) ?? util.inferDtype(value as number);
  const type = types[dtype];
  if (type === undefined || typeof value !== 'number') return undefined;
  return backend.wrap(torch.full(shape, value, type), shape, dtype);
};

const like =
  (value: number): NativeKernel =>
  ({ backend, torch, inputs }) => {
    const x = inputs['x']!;
    const type = types[x.dtype];
    return type === undefined ? undefined : backend.wrap(torch.full(x.shape, value, type), x.shape, x.dtype);
  };

export const shapeConfigs: readonly KernelConfig[] = [
  config(Cast, cast),
  config(Concat, concat),
  config(Fill, fill),
  config(Identity, identity),
  config(OnesLike, like(1)),
  config(PadV2, pad),
  config(Reshape, reshape),
  config(Slice, slice),
  config(Transpose, transpose),
  config(ZerosLike, like(0)),
];
