// Matrix products, with a bias and an activation where tfjs fuses them.
import { BatchMatMul, type KernelConfig, type TensorInfo, _FusedMatMul } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../shape.js';
import { type Handle, int, some, tensor } from '../call.js';
import { activate, canActivate } from './activation.js';
import { type KernelCall, type NativeKernel, areFloat, config } from './kernel.js';

/** A matrix, its last two axes exchanged if asked. */
const matrix = ({ backend, torch, own }: KernelCall, x: TensorInfo, transposed: unknown): Handle => {
  const handle = backend.factor(x, own);
  return transposed ? own(torch.call('aten::transpose.int', tensor(handle), int(-1), int(-2))) : handle;
};

const shapeOf = ({ inputs, attrs }: KernelCall): number[] | undefined => {
  const [a, b] = [inputs['a']!.shape, inputs['b']!.shape];
  if (a.length !== b.length || a.length < 2) return undefined;
  const [rows, inner] = attrs['transposeA'] ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [height, columns] = attrs['transposeB'] ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  const outer = a.slice(0, -2).map((side, axis) => (side === 1 ? b[axis]! : side));
  const fits = a.slice(0, -2).every((side, axis) => side === b[axis] || side === 1 || b[axis] === 1);
  return inner === height && fits ? [...outer, rows, columns] : undefined;
};

const batchMatMul: NativeKernel = (call) => {
  const { backend, torch, inputs, attrs } = call;
  const [a, b] = [inputs['a']!, inputs['b']!];
  const shape = areFloat(a, b) ? shapeOf(call) : undefined;
  if (!shape) return undefined;
  const [x, y] = [matrix(call, a, attrs['transposeA']), matrix(call, b, attrs['transposeB'])];
  return backend.wrap(torch.call('aten::matmul', tensor(x), tensor(y)), shape);
};

const fusedMatMul: NativeKernel = (call) => {
  const { backend, torch, inputs, attrs, own } = call;
  const [a, b, bias] = [inputs['a']!, inputs['b']!, inputs['bias']];
  const shape = areFloat(a, b) ? shapeOf(call) : undefined;
  if (!shape || !canActivate(call) || (bias && !areFloat(bias))) return undefined;
  const isLinear = bias && sizeFromShape(bias.shape) === shape.at(-1) && b.shape.length === 2;
  const x = matrix(call, a, attrs['transposeA']);
  let result: Handle;
  if (isLinear) {
    const weight = matrix(call, b, !attrs['transposeB']); // `linear` takes [outputs, inputs].
    const row = own(torch.reshape(backend.factor(bias, own), [shape.at(-1)!]));
    result = torch.call('aten::linear', tensor(x), tensor(weight), some(tensor(row)));
  } else {
    result = torch.call('aten::matmul', tensor(x), tensor(matrix(call, b, attrs['transposeB'])));
    if (bias) result = torch.addScaled(own(result), backend.factor(bias, own), 1);
  }
  return backend.wrap(activate(call, result), shape);
};

export const productConfigs: readonly KernelConfig[] = [
  config(BatchMatMul, batchMatMul),
  config(_FusedMatMul, fusedMatMul),
];
