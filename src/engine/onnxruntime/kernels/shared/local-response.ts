// Batch normalisation, local response normalisation and its gradient, softmax.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../../onnx.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { type Attributes, type NativeKernel, areFloat, sizeOf, limits } from './kernel.js';

/** y = (x - mean) / sqrt(variance + epsilon) * scale + offset, over the last axis. */
const batchNorm: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  const channels = x.shape.at(-1)!;
  const [mean, variance, offset, scale] = ['mean', 'variance', 'offset', 'scale'].map((name) => inputs[name]);
  const given = [mean, variance, ...[offset, scale].filter((tensor) => tensor !== undefined)];
  if (!areFloat([x], limits.small) || !areFloat(given)) return undefined;
  if (given.some((tensor) => sizeOf(tensor!) !== channels)) return undefined;
  const y = backend.output(x.shape);
  const dims = [sizeOf(x) / channels, channels];
  const names = [
    ['mean', mean],
    ['variance', variance],
    ['offset', offset],
    ['scale', scale],
  ] as const;
  const present = names.filter(
    (pair): pair is readonly [(typeof pair)[0], TensorInfo] => pair[1] !== undefined,
  );
  const epsilon = attrs['varianceEpsilon'] as number;
  backend.compute(
    `FusedBatchNorm:${present.map(([name]) => name).join()}:${epsilon}`,
    (g) => {
      const input = g.input('x', 'float32', ['p', 'c']);
      for (const [name] of present) g.input(name, 'float32', ['c']);
      const deviation = g.node('Sqrt', [g.node('Add', ['variance', g.scalar(epsilon)])]);
      const factor = scale ? g.node('Div', ['scale', deviation]) : g.node('Reciprocal', [deviation]);
      const scaled = g.node('Mul', [g.node('Sub', [input, 'mean']), factor]);
      g.output(offset ? g.node('Add', [scaled, 'offset']) : g.node('Identity', [scaled]), 'float32', [
        'p',
        'c',
      ]);
    },
    [[x, dims], ...present.map(([, tensor]) => [tensor, [channels]] as const)],
    [[y, dims]],
  );
  return y;
};

/** A band of ones around the diagonal: a product with it sums each channel's neighbours. */
const addBand = (g: GraphBuilder, channels: number, radius: number): string => {
  const data = new Float32Array(channels * channels);
  for (let i = 0; i < channels; i++)
    for (let j = Math.max(0, i - radius); j <= Math.min(channels - 1, i + radius); j++)
      data[i * channels + j] = 1;
  return g.constant('band', { type: 'float32', dims: [channels, channels], data });
};

interface Lrn {
  readonly radius: number;
  readonly bias: number;
  readonly alpha: number;
  readonly beta: number;
}

const lrnOf = (attrs: Attributes): Lrn => ({
  radius: attrs['depthRadius'] as number,
  bias: attrs['bias'] as number,
  alpha: attrs['alpha'] as number,
  beta: attrs['beta'] as number,
});

/** bias + alpha * (sum of squares of the neighbours), and its power -beta. */
const addScale = (g: GraphBuilder, x: string, band: string, { bias, alpha, beta }: Lrn): [string, string] => {
  const squares = g.node('MatMul', [g.node('Mul', [x, x]), band]);
  const scale = g.node('Add', [g.node('Mul', [squares, g.scalar(alpha)]), g.scalar(bias)]);
  const power = g.node('Exp', [g.node('Mul', [g.node('Log', [scale]), g.scalar(-beta)])]);
  return [scale, power];
};

/** Too many channels for a band, or a scale that may not be positive, are left to the CPU. */
const isBandable = (x: TensorInfo, { bias, alpha }: Lrn): boolean =>
  x.shape.at(-1)! <= 1024 && bias > 0 && alpha >= 0;

const localResponse = (
  backend: OnnxRuntimeBackend,
  name: string,
  lrn: Lrn,
  tensors: readonly TensorInfo[],
  build: (g: GraphBuilder, names: readonly string[], band: string) => string,
): TensorInfo => {
  const [x] = tensors as [TensorInfo];
  const channels = x.shape.at(-1)!;
  const dims = [sizeOf(x) / channels, channels];
  const y = backend.output(x.shape);
  backend.compute(
    `${name}:${channels}:${Object.values(lrn).join()}`,
    (g) => {
      const names = tensors.map((_, i) => g.input(`x${i}`, 'float32', ['p', channels]));
      g.output(build(g, names, addBand(g, channels, lrn.radius)), 'float32', ['p', channels]);
    },
    tensors.map((tensor) => [tensor, dims]),
    [[y, dims]],
  );
  return y;
};

const lrn: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  const parameters = lrnOf(attrs);
  if (!areFloat([x], limits.small) || !isBandable(x, parameters)) return undefined;
  return localResponse(backend, 'LRN', parameters, [x], (g, [input], band) => {
    const [, power] = addScale(g, input!, band, parameters);
    return g.node('Mul', [input!, power]);
  });
};

/** dx = dy * scale^-beta - 2 alpha beta x * (sum over neighbours of dy * y / scale). */
const lrnGrad: NativeKernel = ({ backend, inputs, attrs }) => {
  const [x, y, dy] = [inputs['x']!, inputs['y']!, inputs['dy']!];
  const parameters = lrnOf(attrs);
  if (!areFloat([x, y, dy], limits.small) || !isBandable(x, parameters)) return undefined;
  return localResponse(backend, 'LRNGrad', parameters, [x, y, dy], (g, [input, output, gradient], band) => {
    const [scale, power] = addScale(g, input!, band, parameters);
    const direct = g.node('Mul', [gradient!, power]);
    const shares = g.node('MatMul', [g.node('Div', [g.node('Mul', [gradient!, output!]), scale]), band]);
    const factor = g.scalar(2 * parameters.alpha * parameters.beta);
    const indirect = g.node('Mul', [g.node('Mul', [input!, factor]), shares]);
    return g.node('Sub', [direct, indirect]);
  });
};

const softmax: NativeKernel = ({ backend, inputs, attrs }) => {
  const logits = inputs['logits']!;
  const dim = attrs['dim'] as number;
  if (!areFloat([logits], limits.small) || dim !== logits.shape.length - 1) return undefined;
  const y = backend.output(logits.shape);
  const columns = logits.shape.at(-1)!;
  const dims = [sizeOf(logits) / columns, columns];
  backend.compute(
    'Softmax',
    (g) =>
      g.output(g.node('Softmax', [g.input('x', 'float32', ['p', 'c'])], { axis: -1 }), 'float32', ['p', 'c']),
    [[logits, dims]],
    [[y, dims]],
  );
  return y;
};

export const normalizationKernels: Readonly<Record<string, NativeKernel>> = {
  FusedBatchNorm: batchNorm,
  LRN: lrn,
  LRNGrad: lrnGrad,
  Softmax: softmax,
};
