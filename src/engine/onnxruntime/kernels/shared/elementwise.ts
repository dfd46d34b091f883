// Functions of each element, and arithmetic of two tensors with broadcasting.
import { backend_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../../onnx.js';
import { isSameShape } from '../../../../shape.js';
import { canLoop } from '../../loops/module.js';
import { reluGradientOf } from './deferred-gradients.js';
import { type Attributes, type NativeKernel, areFloat, free, sizeOf, limits } from './kernel.js';

type Unary = (g: GraphBuilder, x: string, attrs: Attributes) => string;

const node =
  (opType: string): Unary =>
  (g, x) =>
    g.node(opType, [x]);

/** One where x > 0, `alpha` elsewhere. `Where` runs on one thread; these nodes run on all. */
const step: Unary = (g, x) =>
  // 1e30 lifts all but denormal numbers above one; Ceil lifts those.
  g.node('Ceil', [g.node('HardSigmoid', [x], { alpha: 1e30, beta: 0 })]);

const clip = (g: GraphBuilder, x: string, low: number, high: number): string =>
  g.node('Clip', [x, g.scalar(low), g.scalar(high)]);

/** How each function of one tensor is written in ONNX. */
const unaries: Readonly<Record<string, Unary>> = {
  Abs: node('Abs'),
  ClipByValue: (g, x, attrs) => clip(g, x, attrs['clipValueMin'] as number, attrs['clipValueMax'] as number),
  Elu: node('Elu'),
  Exp: node('Exp'),
  LeakyRelu: (g, x, attrs) => g.node('LeakyRelu', [x], { alpha: attrs['alpha'] as number }),
  Log: node('Log'),
  Neg: node('Neg'),
  Reciprocal: node('Reciprocal'),
  Relu: node('Relu'),
  Relu6: (g, x) => clip(g, x, 0, 6),
  Rsqrt: (g, x) => g.node('Reciprocal', [g.node('Sqrt', [x])]),
  Sigmoid: node('Sigmoid'),
  Sqrt: node('Sqrt'),
  Square: (g, x) => g.node('Mul', [x, x]),
  Step: step,
  Tanh: node('Tanh'),
};

const unary =
  (name: string, build: Unary): NativeKernel =>
  ({ backend, inputs, attrs }) => {
    const x = inputs['x']!;
    if (!areFloat([x], limits.small) || (name === 'Step' && attrs['alpha'])) return undefined;
    const compute = (): TensorInfo => {
      const y = backend.output(x.shape);
      const flat = [sizeOf(x)];
      backend.compute(
        `${name}:${JSON.stringify(attrs)}`,
        (g) => g.output(build(g, g.input('x', 'float32', ['n']), attrs), 'float32', ['n']),
        [[x, flat]],
        [[y, flat]],
      );
      return y;
    };
    // ReLU's gradient multiplies with it: see gradients.ts.
    if (name === 'Step' && canLoop(x.shape.at(-1)!))
      return backend.defer(x.shape, { kind: 'Step', inputs: { x }, compute });
    if (name !== 'Relu') return compute();
    const y = backend.deferred(x, 'Conv2D')?.computeRelu!() ?? compute();
    backend.facts(y).positivePartOf = backend.facts(x);
    backend.facts(x).positivePart = y;
    return y;
  };

/** How each function of two tensors is written in ONNX. */
const binaries: Readonly<Record<string, (g: GraphBuilder, a: string, b: string) => string>> = {
  Add: (g, a, b) => g.node('Add', [a, b]),
  Sub: (g, a, b) => g.node('Sub', [a, b]),
  Multiply: (g, a, b) => g.node('Mul', [a, b]),
  RealDiv: (g, a, b) => g.node('Div', [a, b]),
  SquaredDifference: (g, a, b) => {
    const difference = g.node('Sub', [a, b]);
    return g.node('Mul', [difference, difference]);
  },
};

/**
 * Two shapes in as few dimensions as broadcasting allows: neighbours that both have, or that the same one lacks, become
 * one dimension.
 */
export const collapseBroadcast = (
  a: readonly number[],
  b: readonly number[],
): readonly [number[], number[]] => {
  const rank = Math.max(a.length, b.length);
  const at = (shape: readonly number[], i: number): number => shape[i - rank + shape.length] ?? 1;
  const [x, y]: [number[], number[]] = [[], []];
  let previous = '';
  for (let i = 0; i < rank; i++) {
    const [p, q] = [at(a, i), at(b, i)];
    if (p === 1 && q === 1) continue;
    const kind = p === q ? 'both' : p === 1 ? 'second' : 'first';
    if (kind === previous) {
      x.push(x.pop()! * p);
      y.push(y.pop()! * q);
    } else {
      x.push(p);
      y.push(q);
    }
    previous = kind;
  }
  return x.length ? [x, y] : [[1], [1]];
};

/** Results from this size on are native where a factor is broadcast: tfjs-cpu takes 0.7 microseconds for each number then. */
const BROADCAST = 256;

/** Numbers of a row that is worth broadcasting: ONNX Runtime does one row at a time. */
const ROW = 2048;

/**
 * How often a short second factor (a bias) is written one after the other, so that it is broadcast in longer rows. The
 * first factor has that many times fewer rows then. 1 where the shapes are of another kind.
 */
const repeats = (a: readonly number[], b: readonly number[]): number => {
  if (a.length !== 2 || b[0] !== 1 || a[1] !== b[1]) return 1;
  const [rows, columns] = a as [number, number];
  let repeat = 1;
  while (rows % (2 * repeat) === 0 && 2 * repeat * columns <= ROW) repeat *= 2;
  return repeat;
};

const binary =
  (name: string, build: (g: GraphBuilder, a: string, b: string) => string): NativeKernel =>
  ({ backend, inputs }) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    if (!areFloat([a, b])) return undefined;
    const isBroadcast = !isSameShape(a.shape, b.shape);
    const shape = isBroadcast ? backend_util.assertAndGetBroadcastShape(a.shape, b.shape) : a.shape;
    if (util.sizeFromShape(shape) < (isBroadcast ? Math.min(BROADCAST, limits.small) : limits.small))
      return undefined;
    if (name === 'Multiply') {
      const gradient = reluGradientOf(backend, a, b) ?? reluGradientOf(backend, b, a);
      if (gradient) return gradient;
    }
    const result = backend.output(shape);
    const [dimsA, dimsB] = collapseBroadcast(a.shape, b.shape);
    const repeat = repeats(dimsA, dimsB);
    if (repeat > 1) {
      const [rows, columns] = [dimsA[0]! / repeat, repeat * dimsB[1]!];
      backend.withScratch(columns, (block) => {
        const source = backend.values(b);
        for (let i = 0; i < repeat; i++) block.memory.set(source, i * source.length);
        backend.run(
          `${name}:rows`,
          (g) => {
            const x = g.input('a', 'float32', ['r', 'c']);
            g.output(build(g, x, g.input('b', 'float32', ['c'])), 'float32', ['r', 'c']);
          },
          [backend.native(a, [rows, columns]), block.value([columns])],
          [backend.native(result, [rows, columns])],
        );
      });
      return result;
    }
    const dims = dimsA.map((size, i) => Math.max(size, dimsB[i]!));
    backend.compute(
      `${name}:${dims.length}`,
      (g) => {
        const [x, z] = [
          g.input('a', 'float32', free('a', dims.length)),
          g.input('b', 'float32', free('b', dims.length)),
        ];
        g.output(build(g, x, z), 'float32', free('y', dims.length));
      },
      [
        [a, dimsA],
        [b, dimsB],
      ],
      [[result, dims]],
    );
    return result;
  };

/** A sum of several tensors of one shape. */
const addN: NativeKernel = ({ backend, inputs }) => {
  const tensors = Object.values(inputs) as TensorInfo[];
  if (!areFloat(tensors, limits.small)) return undefined;
  const y = backend.output(tensors[0]!.shape);
  const flat = [sizeOf(y)];
  backend.compute(
    `AddN:${tensors.length}`,
    (g) => {
      const names = tensors.map((_, i) => g.input(`x${i}`, 'float32', ['n']));
      g.output(g.node('Sum', names), 'float32', ['n']);
    },
    tensors.map((tensor) => [tensor, flat]),
    [[y, flat]],
  );
  return y;
};

export const elementwiseKernels: Readonly<Record<string, NativeKernel>> = {
  ...Object.fromEntries(Object.entries(unaries).map(([name, build]) => [name, unary(name, build)])),
  ...Object.fromEntries(Object.entries(binaries).map(([name, build]) => [name, binary(name, build)])),
  AddN: addN,
};
