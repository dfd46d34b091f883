// Matrix products, batched, with either factor transposed, and with bias and activation: for BatchMatMul and _FusedMatMul.
import { type TensorInfo, broadcast_util } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../../shape.js';
import { type GraphBuilder, symbolicDims } from '../../../onnx.js';
import type { Epilogue } from './epilogue.js';
import { type KernelCall, areFloat, limits } from './kernel.js';

/** The sizes of a product of one pair of matrices, and which of them are stored transposed (0 or 1). */
interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transA: number;
  readonly transB: number;
}

/** How a product is computed; `dims` are the shapes in which the graph sees the factors. */
interface Algorithm {
  readonly key: string;
  readonly dims: readonly [a: readonly number[], b: readonly number[]];
  readonly build: (g: GraphBuilder, a: string, b: string) => string;
}

const fusedMatMul = (g: GraphBuilder, a: string, b: string, transA: number, transB: number): string =>
  g.node('FusedMatMul', [a, b], { transA, transB }, { domain: 'com.microsoft' });

/** Rows of the second factor in each product of {@link splitK}. */
const SPLIT = 64;

/**
 * Split-K: a few rows times a large matrix, as in a dense layer's forward pass on a batch, is a batch of products over
 * 64 rows of the matrix each, which are then added. The matrix is read once, in longer pieces: 1.5 times as fast for
 * 8 rows.
 */
const splitK = ({ rows, inner, columns }: Product): Algorithm => {
  const count = inner / SPLIT;
  return {
    key: `split:${rows}:${inner}`,
    dims: [
      [rows, inner],
      [count, SPLIT, columns],
    ],
    build: (g, a, b) => {
      const split = g.node('Reshape', [a, g.ints(rows, count, SPLIT)]);
      const ordered = g.node('Transpose', [split], { perm: [1, 0, 2] });
      return g.node('ReduceSum', [g.node('MatMul', [ordered, b]), g.ints(0)], { keepdims: 0 });
    },
  };
};

/**
 * A few rows times a transposed matrix, as in the gradient of such a layer's input: B·Aᵀ reads B's rows in order, and the
 * small result is transposed.
 */
const exchanged = ({ rows, inner, columns }: Product): Algorithm => ({
  key: 'exchanged',
  dims: [
    [rows, inner],
    [columns, inner],
  ],
  build: (g, a, b) => g.node('Transpose', [fusedMatMul(g, b, a, 0, 1)], { perm: [1, 0] }),
});

/** A faster algorithm than the general one for a pair of matrices of these sizes, if there is one. */
const specialAlgorithm = (product: Product): Algorithm | undefined => {
  const { rows, inner, columns, transA, transB } = product;
  if (rows < 2 || transA || inner * columns < limits.small) return undefined;
  if (transB) return rows <= 64 ? exchanged(product) : undefined;
  return rows <= 16 && inner % SPLIT === 0 && inner * columns >= limits.large ? splitK(product) : undefined;
};

/** The product of a kernel's inputs a and b; undefined where tfjs-cpu must compute it. */
export const matMul = (
  { backend, inputs, attrs }: KernelCall,
  epilogue: Epilogue | undefined,
): TensorInfo | undefined => {
  const [a, b] = [inputs['a']!, inputs['b']!];
  if (!areFloat([a, b])) return undefined;
  const [transA, transB] = [Number(attrs['transposeA'] ?? false), Number(attrs['transposeB'] ?? false)];
  const rank = a.shape.length;
  const rows = a.shape.at(transA ? -1 : -2)!;
  const columns = b.shape.at(transB ? -2 : -1)!;
  const [inner, innerB] = [a.shape.at(transA ? -2 : -1)!, b.shape.at(transB ? -1 : -2)!];
  // tfjs's ops check this before; whoever calls the kernel directly gets tfjs-cpu's message.
  if (inner !== innerB || b.shape.length !== rank) return undefined;
  const batch = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const y = backend.output([...batch, rows, columns]);
  const bias = epilogue?.bias;
  const isPair = sizeFromShape(a.shape) === rows * inner && sizeFromShape(b.shape) === inner * columns;
  const special = isPair ? specialAlgorithm({ rows, inner, columns, transA, transB }) : undefined;
  const biasDims = special ? bias?.shape.slice(-2) : bias?.shape;
  const [dimsA, dimsB] = special?.dims ?? [a.shape, b.shape];
  const outDims = special ? [rows, columns] : y.shape;
  backend.compute(
    `MatMul:${special?.key ?? rank}:${transA}${transB}:${epilogue?.key ?? ''}:${biasDims?.length ?? ''}`,
    (g) => {
      const left = g.input('a', 'float32', symbolicDims('a', dimsA.length));
      const right = g.input('b', 'float32', symbolicDims('b', dimsB.length));
      let result = special ? special.build(g, left, right) : fusedMatMul(g, left, right, transA, transB);
      if (biasDims) {
        const added = g.input('bias', 'float32', symbolicDims('c', biasDims.length));
        result = g.node('Add', [result, added]);
      }
      if (epilogue) result = epilogue.activate(g, result);
      g.output(result, 'float32', symbolicDims('y', outDims.length));
    },
    [[a, dimsA], [b, dimsB], ...(bias ? [[bias, biasDims] as const] : [])],
    [[y, outDims]],
  );
  return y;
};
