// Sums, means, extremes and soft-max along axes.
import { type KernelConfig, LogSoftmax, Max, Mean, Min, Softmax, Sum, util } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { type Argument, type Handle, bool, dtype, int, ints, some, tensor } from '../call.js';
import { type KernelCall, type NativeKernel, areFloat, config } from './kernel.js';

/** The axes that are reduced, and the shape that is left. */
const reductionOf = ({ inputs, attrs }: KernelCall): { axes: number[]; shape: number[] } => {
  const x = inputs['x']!;
  const axes = util.parseAxisParam(
    (attrs['axis'] ?? attrs['reductionIndices']) as number | number[],
    x.shape,
  );
  const keepDims = attrs['keepDims'] === true;
  const shape = x.shape.flatMap((side, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [side]));
  return { axes, shape };
};

const reduce =
  (operator: string, more: readonly Argument[]): NativeKernel =>
  (call) => {
    const { backend, torch, inputs, attrs, own } = call;
    const x = inputs['x']!;
    if (!areFloat(x) || sizeFromShape(x.shape) === 0) return undefined;
    const { axes, shape } = reductionOf(call);
    if (axes.length === 0) return undefined;
    const keepDims = bool(attrs['keepDims'] === true);
    const optional = operator === 'aten::amax' || operator === 'aten::amin' ? ints(axes) : some(ints(axes));
    // Sums are made in float32 whatever is added up.
    const given = more.length > 0 ? backend.raw(x, own) : backend.native(x, own);
    const handle = torch.call(operator, tensor(given), optional, keepDims, ...more);
    return backend.wrap(handle, shape);
  };

/** Along the last axis, or `axis`. */
const softmax =
  (operator: string, input: string): NativeKernel =>
  ({ backend, torch, inputs, attrs, own }) => {
    const x = inputs[input]!;
    if (!areFloat(x) || sizeFromShape(x.shape) === 0) return undefined;
    const axis = (attrs['dim'] ?? attrs['axis'] ?? -1) as number;
    const handle: Handle = torch.call(operator, tensor(backend.native(x, own)), int(axis), bool(false));
    return backend.wrap(handle, x.shape);
  };

export const reductionConfigs: readonly KernelConfig[] = [
  config(Sum, reduce('aten::sum.dim_IntList', [some(dtype('float32'))])),
  config(Mean, reduce('aten::mean.dim', [some(dtype('float32'))])),
  config(Max, reduce('aten::amax', [])),
  config(Min, reduce('aten::amin', [])),
  config(Softmax, softmax('aten::_softmax', 'logits')),
  config(LogSoftmax, softmax('aten::_log_softmax', 'logits')),
];
