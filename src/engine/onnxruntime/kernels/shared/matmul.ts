// Matrix products, batched, with either factor transposed, and fused with bias and activation.
import { broadcast_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../../onnx.js';
import { type KernelCall, type NativeKernel, areFloat, free, limits, sizeOf } from './kernel.js';
import { type Epilogue, epilogueOf } from './epilogue.js';

/** The sizes of a product of one pair of matrices, as they lie. */
interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transA: number;
  readonly transB: number;
}

/** How a product is computed: `dims` are the shapes in which the graph sees the factors. */
interface Way {
  readonly key: string;
  readonly dims: readonly [a: readonly number[], b: readonly number[]];
  readonly build: (g: GraphBuilder, a: string, b: string) => string;
}

const fused = (g: GraphBuilder, a: string, b: string, transA: number, transB: number): string =>
  g.node('FusedMatMul', [a, b], { transA, transB }, { domain: 'com.microsoft' });

/** Rows of a second factor that are multiplied at a time where the first has few. */
const PART = 64;

/**
 * A few rows times a large matrix, as a dense layer's forward pass on a batch: the matrix is read once, and longer pieces of its rows at a
 * time where it is cut into many: 1.5 times as fast for 8 rows.
 */
const byParts = ({ rows, inner, columns }: Product): Way => {
  const parts = inner / PART;
  return {
    key: `parts:${rows}:${inner}`,
    dims: [
      [rows, inner],
      [parts, PART, columns],
    ],
    build: (g, a, b) => {
      const pieces = g.node('Reshape', [a, g.ints(rows, parts, PART)]);
      const ordered = g.node('Transpose', [pieces], { perm: [1, 0, 2] });
      return g.node('ReduceSum', [g.node('MatMul', [ordered, b]), g.ints(0)], { keepdims: 0 });
    },
  };
};

/**
 * A few rows times a transposed matrix, as the gradient of such a layer's input: its own rows are read as they lie where it is the first
 * factor.
 */
const turned = ({ rows, inner, columns }: Product): Way => ({
  key: 'turned',
  dims: [
    [rows, inner],
    [columns, inner],
  ],
  build: (g, a, b) => g.node('Transpose', [fused(g, b, a, 0, 1)], { perm: [1, 0] }),
});

/** The quicker way for a pair of matrices of these sizes, if there is one. */
const wayFor = (product: Product): Way | undefined => {
  const { rows, inner, columns, transA, transB } = product;
  if (rows < 2 || transA || inner * columns < limits.small) return undefined;
  if (transB) return rows <= 64 ? turned(product) : undefined;
  return rows <= 16 && inner % PART === 0 && inner * columns >= limits.large ? byParts(product) : undefined;
};

const product = (
  { backend, inputs, attrs }: KernelCall,
  epilogue: Epilogue | undefined,
): TensorInfo | undefined => {
  const [a, b] = [inputs['a']!, inputs['b']!];
  if (!areFloat([a, b])) return undefined;
  const [transA, transB] = [Number(attrs['transposeA'] ?? false), Number(attrs['transposeB'] ?? false)];
  const rank = a.shape.length;
  const rows = a.shape.at(transA ? -1 : -2)!;
  const columns = b.shape.at(transB ? -2 : -1)!;
  const [innerA, innerB] = [a.shape.at(transA ? -2 : -1)!, b.shape.at(transB ? -1 : -2)!];
  // tfjs checks before it calls; a model that calls kernels itself gets the CPU kernel's own message.
  if (innerA !== innerB || b.shape.length !== rank) return undefined;
  const batch = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const y = backend.output([...batch, rows, columns]);
  const bias = epilogue?.bias;
  const isPair = sizeOf(a) === rows * innerA && sizeOf(b) === innerA * columns;
  const way = isPair ? wayFor({ rows, inner: innerA, columns, transA, transB }) : undefined;
  const biasDims = way ? bias?.shape.slice(-2) : bias?.shape;
  const [dimsA, dimsB] = way?.dims ?? [a.shape, b.shape];
  const outDims = way ? [rows, columns] : y.shape;
  backend.compute(
    `MatMul:${way?.key ?? rank}:${transA}${transB}:${epilogue?.key ?? ''}:${biasDims?.length ?? ''}`,
    (g) => {
      const left = g.input('a', 'float32', free('a', dimsA.length));
      const right = g.input('b', 'float32', free('b', dimsB.length));
      let result = way ? way.build(g, left, right) : fused(g, left, right, transA, transB);
      if (biasDims) result = g.node('Add', [result, g.input('bias', 'float32', free('c', biasDims.length))]);
      if (epilogue) result = epilogue.activate(g, result);
      g.output(result, 'float32', free('y', outDims.length));
    },
    [[a, dimsA], [b, dimsB], ...(bias ? [[bias, biasDims] as const] : [])],
    [[y, outDims]],
  );
  return y;
};

const fusedMatMul: NativeKernel = (call) => {
  const epilogue = epilogueOf(call);
  return epilogue && product(call, epilogue);
};

export const matmulKernels: Readonly<Record<string, NativeKernel>> = {
  BatchMatMul: (call) => product(call, undefined),
  _FusedMatMul: fusedMatMul,
};
