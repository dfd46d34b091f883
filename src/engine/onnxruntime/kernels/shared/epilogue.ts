// Bias and activation that tfjs fuses into a convolution or a matrix product.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../../onnx.js';
import type { KernelCall } from './kernel.js';

type Activation = (g: GraphBuilder, x: string, alpha: number) => string;

/** The activations that ONNX Runtime computes, by tfjs's names, as nodes of a graph. */
const activations: Readonly<Record<string, Activation>> = {
  linear: (_, x) => x,
  relu: (g, x) => g.node('Relu', [x]),
  relu6: (g, x) => g.node('Clip', [x, g.scalar(0), g.scalar(6)]),
  elu: (g, x) => g.node('Elu', [x]),
  leakyrelu: (g, x, alpha) => g.node('LeakyRelu', [x], { alpha }),
  sigmoid: (g, x) => g.node('Sigmoid', [x]),
};

/** What follows a convolution or a matrix product: an optional bias, then an activation. */
export interface Epilogue {
  readonly bias: TensorInfo | undefined;
  readonly activation: string;
  /** Tells graphs with different epilogues apart. */
  readonly key: string;
  /** Adds the activation to a graph. */
  readonly activate: (g: GraphBuilder, x: string) => string;
}

/** Reads the epilogue of a fused kernel; undefined where tfjs-cpu must compute it (PReLU, a bias that is not float32). */
export const epilogueOf = ({ inputs, attrs }: KernelCall): Epilogue | undefined => {
  const bias = inputs['bias'];
  const activation = (attrs['activation'] ?? 'linear') as string;
  const apply = activations[activation];
  if (!apply || inputs['preluActivationWeights'] || (bias && bias.dtype !== 'float32')) return undefined;
  const alpha = (attrs['leakyreluAlpha'] ?? 0.2) as number;
  const key = `${bias ? 'bias' : ''}:${activation}${activation === 'leakyrelu' ? alpha : ''}`;
  return { bias, activation, key, activate: (g, x) => apply(g, x, alpha) };
};

/** An optional bias, then ReLU. */
export const reluEpilogue = (bias: TensorInfo | undefined): Epilogue => ({
  bias,
  activation: 'relu',
  key: `${bias ? 'bias' : ''}:relu`,
  activate: (g, x) => g.node('Relu', [x]),
});
