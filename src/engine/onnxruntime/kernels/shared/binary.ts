// Arithmetic of two tensors with broadcasting.
import { type KernelConfig, type TensorInfo, backend_util } from '@tensorflow/tfjs-core';
import { isSameShape, sizeFromShape } from '../../../../shape.js';
import { type GraphBuilder, symbolicDims } from '../../../onnx.js';
import { BACKEND_NAME, type OnnxRuntimeBackend } from '../../backend.js';
import { type NativeKernel, areFloat, limits, withCpuFallback } from './kernel.js';

/** How a function of two tensors is written in ONNX: adds its nodes and returns the name of the result. */
type BinaryGraph = (g: GraphBuilder, a: string, b: string) => string;

/** Broadcast results of at least this many elements are computed natively: tfjs-cpu takes 0.7 µs an element there. */
const LEAST_BROADCAST = 256;

/** Elements of a row that is worth broadcasting: ONNX Runtime computes one row at a time. */
const ROW = 2048;

/**
 * Two shapes in as few dimensions as broadcasting allows: neighbouring dimensions that both have, or that the same one
 * lacks, become one.
 */
const collapseBroadcast = (a: readonly number[], b: readonly number[]): readonly [number[], number[]] => {
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

/**
 * How often a short second operand (a bias) is repeated, so that longer rows are broadcast; the first operand then has
 * that many times fewer rows. 1 where the shapes are not a matrix and a row.
 */
const repetitions = (a: readonly number[], b: readonly number[]): number => {
  if (a.length !== 2 || b[0] !== 1 || a[1] !== b[1]) return 1;
  const [rows, columns] = a as [number, number];
  let count = 1;
  while (rows % (2 * count) === 0 && 2 * count * columns <= ROW) count *= 2;
  return count;
};

/** A matrix and a row, with the row repeated `count` times. */
const computeRepeated = (
  backend: OnnxRuntimeBackend,
  kernelName: string,
  graph: BinaryGraph,
  [a, b, y]: readonly [TensorInfo, TensorInfo, TensorInfo],
  [rows, columns]: readonly [number, number],
  count: number,
): void => {
  const dims = [rows / count, count * columns];
  backend.withWorkspace(count * columns, (repeated) => {
    const source = backend.values(b);
    for (let i = 0; i < count; i++) repeated.memory.set(source, i * source.length);
    backend.run(
      `${kernelName}:rows`,
      (g) => {
        const x = g.input('a', 'float32', ['r', 'c']);
        g.output(graph(g, x, g.input('b', 'float32', ['c'])), 'float32', ['r', 'c']);
      },
      [backend.native(a, dims), repeated.value([count * columns])],
      [backend.native(y, dims)],
    );
  });
};

/** A binary kernel as nodes of a graph. */
export const binary =
  (kernelName: string, graph: BinaryGraph): NativeKernel =>
  ({ backend, inputs }) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    if (!areFloat([a, b])) return undefined;
    const isBroadcast = !isSameShape(a.shape, b.shape);
    const shape = isBroadcast ? backend_util.assertAndGetBroadcastShape(a.shape, b.shape) : a.shape;
    const least = isBroadcast ? Math.min(LEAST_BROADCAST, limits.small) : limits.small;
    if (sizeFromShape(shape) < least) return undefined;
    const y = backend.output(shape);
    const [dimsA, dimsB] = collapseBroadcast(a.shape, b.shape);
    const count = repetitions(dimsA, dimsB);
    if (count > 1) {
      computeRepeated(backend, kernelName, graph, [a, b, y], [dimsA[0]!, dimsB[1]!], count);
      return y;
    }
    const dims = dimsA.map((size, i) => Math.max(size, dimsB[i]!));
    const rank = dims.length;
    backend.compute(
      `${kernelName}:${rank}`,
      (g) => {
        const x = g.input('a', 'float32', symbolicDims('a', rank));
        const z = g.input('b', 'float32', symbolicDims('b', rank));
        g.output(graph(g, x, z), 'float32', symbolicDims('y', rank));
      },
      [
        [a, dimsA],
        [b, dimsB],
      ],
      [[y, dims]],
    );
    return y;
  };

/** The config of a binary kernel: an ONNX operator, or nodes that `graph` adds. */
export const binaryKernelConfig = (kernelName: string, graph: string | BinaryGraph): KernelConfig => ({
  kernelName,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(
    kernelName,
    binary(kernelName, typeof graph === 'string' ? (g, a, b) => g.node(graph, [a, b]) : graph),
  ),
});
