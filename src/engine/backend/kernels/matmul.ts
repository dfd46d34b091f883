// Matrix products, batched, with either factor transposed, and fused with bias and activation.
import { broadcast_util, type TensorInfo } from '@tensorflow/tfjs-core';
import { type KernelCall, type NativeKernel, areFloat, free } from '../kernel.js';
import { type Epilogue, epilogueOf } from './activation.js';

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
  backend.compute(
    `MatMul:${rank}:${transA}${transB}:${epilogue?.key ?? ''}:${bias?.shape.length ?? ''}`,
    (g) => {
      const factors = [g.input('a', 'float32', free('a', rank)), g.input('b', 'float32', free('b', rank))];
      let result = g.node('FusedMatMul', factors, { transA, transB }, { domain: 'com.microsoft' });
      if (bias) result = g.node('Add', [result, g.input('bias', 'float32', free('c', bias.shape.length))]);
      if (epilogue) result = epilogue.activate(g, result);
      g.output(result, 'float32', free('y', rank));
    },
    bias ? [[a], [b], [bias]] : [[a], [b]],
    [[y]],
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
