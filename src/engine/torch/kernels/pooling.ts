// Pooling and its gradients.
import {
  AvgPool,
  AvgPoolGrad,
  type KernelConfig,
  MaxPool,
  MaxPoolGrad,
  backend_util,
} from '@tensorflow/tfjs-core';
import { type Argument, bool, ints, none, tensor } from '../call.js';
import { type KernelCall, type NativeKernel, areFloat, config } from './kernel.js';

const TO_NCHW = [0, 3, 1, 2];
const TO_NHWC = [0, 2, 3, 1];

/** The sizes of a pooling whose padding libtorch can do: alike on both sides and at most half a window. */
const geometryOf = (shape: readonly number[], { attrs }: KernelCall): backend_util.Conv2DInfo | undefined => {
  const info = backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    attrs['filterSize'] as number,
    attrs['strides'] as number,
    1,
    attrs['pad'] as 'same',
    attrs['dimRoundingMode'] as 'floor' | undefined,
  );
  const { top, bottom, left, right } = info.padInfo;
  const isEven =
    top === bottom && left === right && 2 * top <= info.filterHeight && 2 * left <= info.filterWidth;
  // libtorch rounds down.
  const height = Math.floor((info.inHeight + 2 * top - info.filterHeight) / info.strideHeight) + 1;
  const width = Math.floor((info.inWidth + 2 * left - info.filterWidth) / info.strideWidth) + 1;
  const isPlain = isEven && Math.min(top, left) >= 0 && Math.min(...info.outShape) > 0;
  return isPlain && height === info.outHeight && width === info.outWidth ? info : undefined;
};

const windows = (info: backend_util.Conv2DInfo): Argument[] => [
  ints([info.filterHeight, info.filterWidth]),
  ints([info.strideHeight, info.strideWidth]),
  ints([info.padInfo.top, info.padInfo.left]),
];

/** Windows, dilation, and rounding down. */
const maxSettings = (info: backend_util.Conv2DInfo): Argument[] => [
  ...windows(info),
  ints([1, 1]),
  bool(false),
];

/** Windows, rounding down, and padding that does not count in a mean. */
const meanSettings = (info: backend_util.Conv2DInfo): Argument[] => [
  ...windows(info),
  bool(false),
  bool(false),
  none,
];

const maxPool: NativeKernel = (call) => {
  const { backend, torch, inputs, own } = call;
  const x = inputs['x']!;
  const info = areFloat(x) ? geometryOf(x.shape, call) : undefined;
  if (!info) return undefined;
  const map = own(torch.permute(backend.activation(x, own), TO_NCHW));
  const [y, indices] = torch.callAll('aten::max_pool2d_with_indices', [tensor(map), ...maxSettings(info)], 2);
  const result = backend.wrap(torch.permute(own(y!), TO_NHWC), info.outShape);
  backend.keepIndices(result, indices!);
  return result;
};

const maxPoolGrad: NativeKernel = (call) => {
  const { backend, torch, inputs, own } = call;
  const [dy, x, y] = [inputs['dy']!, inputs['input']!, inputs['output']];
  const info = areFloat(dy, x) ? geometryOf(x.shape, call) : undefined;
  if (!info) return undefined;
  const map = own(torch.permute(backend.activation(x, own), TO_NCHW));
  // The operator takes both of one type.
  const given = backend.activation(dy, own);
  const type = torch.dtypeOf(map);
  const alike = torch.dtypeOf(given) === type ? given : own(torch.cast(given, type));
  const slope = own(torch.permute(alike, TO_NCHW));
  let indices = y && backend.indicesOf(y);
  if (indices === undefined) {
    const found = torch.callAll('aten::max_pool2d_with_indices', [tensor(map), ...maxSettings(info)], 2);
    found.forEach(own);
    indices = found[1]!;
  }
  const dx = torch.call(
    'aten::max_pool2d_with_indices_backward',
    ...[tensor(slope), tensor(map), ...maxSettings(info), tensor(indices)],
  );
  return backend.wrap(torch.permute(own(dx), TO_NHWC), x.shape);
};

const avgPool: NativeKernel = (call) => {
  const { backend, torch, inputs, own } = call;
  const x = inputs['x']!;
  const info = areFloat(x) ? geometryOf(x.shape, call) : undefined;
  if (!info) return undefined;
  const map = own(torch.permute(backend.native(x, own), TO_NCHW));
  const y = own(torch.call('aten::avg_pool2d', tensor(map), ...meanSettings(info)));
  return backend.wrap(torch.permute(y, TO_NHWC), info.outShape);
};

const avgPoolGrad: NativeKernel = (call) => {
  const { backend, torch, inputs, own } = call;
  const [dy, x] = [inputs['dy']!, inputs['input']!];
  const info = areFloat(dy, x) ? geometryOf(x.shape, call) : undefined;
  // tfjs divides by the whole window at the borders too: only without padding are they the same.
  if (!info || info.padInfo.top > 0 || info.padInfo.left > 0) return undefined;
  const map = own(torch.permute(backend.native(x, own), TO_NCHW));
  const slope = own(torch.permute(backend.native(dy, own), TO_NCHW));
  const dx = own(torch.call('aten::avg_pool2d_backward', tensor(slope), tensor(map), ...meanSettings(info)));
  return backend.wrap(torch.permute(dx, TO_NHWC), x.shape);
};

export const poolingConfigs: readonly KernelConfig[] = [
  config(MaxPool, maxPool),
  config(MaxPoolGrad, maxPoolGrad),
  config(AvgPool, avgPool),
  config(AvgPoolGrad, avgPoolGrad),
];
