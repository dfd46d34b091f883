// Local response normalisation as products with a band matrix, for the kernels LRN and LRNGrad.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../../shape.js';
import type { GraphBuilder } from '../../../onnx.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { type Attributes, areFloat, limits } from './kernel.js';

/** With more channels, the band matrix costs more than tfjs-cpu's loops. */
const MOST_CHANNELS = 1024;

/** y = x * (bias + alpha * (sum of squares of the `radius` channels on either side))^-beta. */
interface LocalResponse {
  readonly radius: number;
  readonly bias: number;
  readonly alpha: number;
  readonly beta: number;
}

export const localResponseOf = (attrs: Attributes): LocalResponse => ({
  radius: attrs['depthRadius'] as number,
  bias: attrs['bias'] as number,
  alpha: attrs['alpha'] as number,
  beta: attrs['beta'] as number,
});

/** Whether it is computed natively: few enough channels, and a scale that is always positive. */
export const isNativeLocalResponse = (
  tensors: readonly TensorInfo[],
  { bias, alpha }: LocalResponse,
): boolean =>
  areFloat(tensors, limits.small) && tensors[0]!.shape.at(-1)! <= MOST_CHANNELS && bias > 0 && alpha >= 0;

/** Ones around the diagonal: a product with this matrix sums up each channel's neighbours. */
const addBand = (g: GraphBuilder, channels: number, radius: number): string => {
  const data = new Float32Array(channels * channels);
  for (let i = 0; i < channels; i++)
    for (let j = Math.max(0, i - radius); j <= Math.min(channels - 1, i + radius); j++)
      data[i * channels + j] = 1;
  return g.constant('band', { type: 'float32', dims: [channels, channels], data });
};

/** The scale, bias + alpha * (sum of squares of the neighbours), and its power -beta. */
export const addScale = (
  g: GraphBuilder,
  x: string,
  band: string,
  { bias, alpha, beta }: LocalResponse,
): [scale: string, power: string] => {
  const squares = g.node('MatMul', [g.node('Mul', [x, x]), band]);
  const scale = g.node('Add', [g.node('Mul', [squares, g.scalar(alpha)]), g.scalar(bias)]);
  const power = g.node('Exp', [g.node('Mul', [g.node('Log', [scale]), g.scalar(-beta)])]);
  return [scale, power];
};

/** Computes a graph on tensors of one shape, seen as [positions, channels]. */
export const computeLocalResponse = (
  backend: OnnxRuntimeBackend,
  kernelName: string,
  response: LocalResponse,
  tensors: readonly TensorInfo[],
  build: (g: GraphBuilder, names: readonly string[], band: string) => string,
): TensorInfo => {
  const [x] = tensors as [TensorInfo];
  const channels = x.shape.at(-1)!;
  const dims = [sizeFromShape(x.shape) / channels, channels];
  const y = backend.output(x.shape);
  backend.compute(
    `${kernelName}:${channels}:${Object.values(response).join()}`,
    (g) => {
      const names = tensors.map((_, i) => g.input(`x${i}`, 'float32', ['p', channels]));
      g.output(build(g, names, addBand(g, channels, response.radius)), 'float32', ['p', channels]);
    },
    tensors.map((tensor) => [tensor, dims]),
    [[y, dims]],
  );
  return y;
};
