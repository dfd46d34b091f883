// Convolution and its gradients. tfjs's NHWC tensors are torch's NCHW in channels_last order: views, without a copy.
import {
  Conv2D,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  FusedConv2D,
  type KernelConfig,
  type TensorInfo,
  backend_util,
} from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import type { TorchBackend } from '../backend.js';
import { type Argument, type Handle, bool, dtypes, int, ints, list, none, some, tensor } from '../call.js';
import { activate, canActivate } from './activation.js';
import { type KernelCall, type NativeKernel, areFloat, config } from './kernel.js';

/** Orders of axes: NHWC to NCHW and back, HWIO to OIHW and back. */
const TO_NCHW = [0, 3, 1, 2];
const TO_NHWC = [0, 2, 3, 1];
const TO_OIHW = [3, 2, 0, 1];
const TO_HWIO = [2, 3, 1, 0];

type Shape4D = [number, number, number, number];

/** The sizes of a convolution; undefined for what libtorch computes otherwise. */
const geometryOf = (
  xShape: readonly number[],
  filterShape: readonly number[],
  { attrs }: KernelCall,
): backend_util.Conv2DInfo | undefined => {
  if ((attrs['dataFormat'] ?? 'NHWC') !== 'NHWC') return undefined;
  const info = backend_util.computeConv2DInfo(
    xShape as Shape4D,
    filterShape as Shape4D,
    attrs['strides'] as number,
    (attrs['dilations'] ?? 1) as number,
    attrs['pad'] as 'same',
    attrs['dimRoundingMode'] as 'floor' | undefined,
  );
  const { top, left, bottom, right } = info.padInfo;
  const isPlain = Math.min(top, left, bottom, right) >= 0 && Math.min(...info.outShape) > 0;
  return isPlain && xShape[3] === filterShape[2] && xShape[0]! > 0 ? info : undefined;
};

/** Whether rows and columns are padded alike on both sides, as libtorch does it. */
const isEven = ({ padInfo: { top, bottom, left, right } }: backend_util.Conv2DInfo): boolean =>
  top === bottom && left === right;

/** Strides, padding and dilations as the operators take them; a tensor that was padded beforehand is not padded again. */
const settings = (info: backend_util.Conv2DInfo): Argument[] => [
  ints([info.strideHeight, info.strideWidth]),
  ints(isEven(info) ? [info.padInfo.top, info.padInfo.left] : [0, 0]),
  ints([info.dilationHeight, info.dilationWidth]),
  bool(false), // Not transposed,
  ints([0, 0]),
  int(1), // and in one group.
];

/** The input as NCHW, with what is uneven of its padding. */
const inputOf = (
  { backend, torch, own }: KernelCall,
  x: TensorInfo,
  info: backend_util.Conv2DInfo,
): Handle => {
  const handle = own(torch.permute(backend.factor(x, own), TO_NCHW));
  if (isEven(info)) return handle;
  const { top, bottom, left, right } = info.padInfo;
  return own(torch.pad(handle, [left, right, top, bottom], 0));
};

/** Strides of a filter [height, width, inputs, outputs] that lies as OHWI: torch's channels_last. */
const filterStrides = ([height, width, inputs]: readonly number[]): number[] => [
  width! * inputs!,
  inputs!,
  1,
  height! * width! * inputs!,
];

/** The filter as OIHW. It is brought to channels_last order at its first use, and stays there. */
const filterOf = ({ backend, torch, own }: KernelCall, filter: TensorInfo): Handle => {
  const strides = filterStrides(filter.shape);
  backend.native(filter, own);
  backend.rearrange(filter, (handle) => torch.inOrder(handle, filter.shape, strides));
  return own(torch.permute(backend.factor(filter, own), TO_OIHW));
};

/** The element type that convolutions compute in. */
const typeOf = ({ halves }: TorchBackend): number => (halves ? dtypes.bfloat16 : dtypes.float32);

const convolve = (call: KernelCall, bias: TensorInfo | undefined): TensorInfo | undefined => {
  const { backend, torch, inputs, own } = call;
  const [x, filter] = [inputs['x']!, inputs['filter']!];
  if (!areFloat(x, filter) || x.shape.length !== 4) return undefined;
  const info = geometryOf(x.shape, filter.shape, call);
  if (!info || (bias && sizeFromShape(bias.shape) !== info.outChannels)) return undefined;
  const row = bias && own(torch.reshape(backend.factor(bias, own), [info.outChannels]));
  const y = own(
    torch.call(
      'aten::convolution',
      tensor(inputOf(call, x, info)),
      tensor(filterOf(call, filter)),
      row === undefined ? none : some(tensor(row)),
      ...settings(info),
    ),
  );
  return backend.wrap(torch.permute(activate(call, y), TO_NHWC), info.outShape);
};

const conv2d: NativeKernel = (call) => convolve(call, undefined);

const fusedConv2d: NativeKernel = (call) => {
  const { bias } = call.inputs;
  return canActivate(call) && (!bias || areFloat(bias)) ? convolve(call, bias) : undefined;
};

/** One gradient of a convolution: of the input or of the filter. */
const gradient = (
  call: KernelCall,
  operands: { readonly dy: Handle; readonly x: Handle; readonly filter: Handle },
  info: backend_util.Conv2DInfo,
  wanted: 'x' | 'filter',
): Handle => {
  const { torch } = call;
  const mask = [wanted === 'x', wanted === 'filter', false].map(bool);
  const results = torch.callAll(
    'aten::convolution_backward',
    [...[operands.dy, operands.x, operands.filter].map(tensor), none, ...settings(info), list(mask)],
    3,
  );
  const at = wanted === 'x' ? 0 : 1;
  // Gradients that were not asked for are handles of no tensor, and want deleting too.
  torch.delete(...results.filter((_, i) => i !== at));
  return results[at]!;
};

const backpropInput: NativeKernel = (call) => {
  const { backend, torch, inputs, attrs, own } = call;
  const [dy, filter] = [inputs['dy']!, inputs['filter']!];
  const shape = attrs['inputShape'] as number[];
  if (!areFloat(dy, filter)) return undefined;
  const info = geometryOf(shape, filter.shape, call);
  // oneDNN has no gradient for filters that are larger than the input.
  if (!info || info.filterHeight > info.inHeight || info.filterWidth > info.inWidth) return undefined;
  const { top, bottom, left, right } = info.padInfo;
  const [batch, height, width, channels] = shape as Shape4D;
  const padded = isEven(info) ? shape : [batch, height + top + bottom, width + left + right, channels];
  // Only shape and order of the input count.
  const x = own(torch.permute(own(torch.empty(padded, typeOf(backend))), TO_NCHW));
  const slope = own(torch.permute(backend.factor(dy, own), TO_NCHW));
  let dx = own(gradient(call, { dy: slope, x, filter: filterOf(call, filter) }, info, 'x'));
  if (!isEven(info)) dx = own(torch.pad(dx, [-left, -right, -top, -bottom], 0));
  return backend.wrap(torch.permute(dx, TO_NHWC), shape);
};

const backpropFilter: NativeKernel = (call) => {
  const { backend, torch, inputs, attrs, own } = call;
  const [x, dy] = [inputs['x']!, inputs['dy']!];
  const shape = attrs['filterShape'] as number[];
  if (!areFloat(x, dy)) return undefined;
  const info = geometryOf(x.shape, shape, call);
  if (!info) return undefined;
  // Only shape and order of the filter count.
  const filter = own(torch.permute(own(torch.empty(shape, typeOf(backend), filterStrides(shape))), TO_OIHW));
  const slope = own(torch.permute(backend.factor(dy, own), TO_NCHW));
  const dw = own(gradient(call, { dy: slope, x: inputOf(call, x, info), filter }, info, 'filter'));
  return backend.wrap(torch.permute(dw, TO_HWIO), shape);
};

export const convolutionConfigs: readonly KernelConfig[] = [
  config(Conv2D, conv2d),
  config(FusedConv2D, fusedConv2d),
  config(Conv2DBackpropInput, backpropInput),
  config(Conv2DBackpropFilter, backpropFilter),
];
