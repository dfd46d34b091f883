// Local response normalisation over channels (AlexNet's), and its gradient.
import { type KernelConfig, LRN, LRNGrad, type TensorInfo } from '@tensorflow/tfjs-core';
import { type Handle, dtypes, tensor } from '../call.js';
import { type KernelCall, type NativeKernel, areFloat, config } from './kernel.js';

/** A matrix [channels, channels] that adds up each channel's neighbours, itself among them. */
const neighbours = (channels: number, radius: number): Float32Array => {
  const band = new Float32Array(channels * channels);
  for (let i = 0; i < channels; i++) {
    for (let j = Math.max(0, i - radius); j <= Math.min(channels - 1, i + radius); j++)
      band[i * channels + j] = 1;
  }
  return band;
};

interface Parts {
  /** bias + alpha * the sum of squares of the neighbours. */
  readonly base: Handle;
  readonly band: Handle;
  readonly power: (exponent: number) => Handle;
}

const partsOf = ({ backend, torch, attrs, own }: KernelCall, x: TensorInfo): Parts => {
  const channels = x.shape.at(-1)!;
  const [radius, bias, alpha] = [attrs['depthRadius'], attrs['bias'], attrs['alpha']] as number[];
  const band = own(torch.upload(neighbours(channels, radius!), [channels, channels], dtypes.float32));
  const squares = own(torch.call('aten::square', tensor(backend.native(x, own))));
  const sums = own(torch.call('aten::matmul', tensor(squares), tensor(band)));
  const base = own(torch.addScaled(own(torch.full([], bias!)), sums, alpha!));
  const power = (exponent: number): Handle =>
    own(torch.call('aten::pow.Tensor_Tensor', tensor(base), tensor(own(torch.full([], exponent)))));
  return { base, band, power };
};

const lrn: NativeKernel = (call) => {
  const { backend, torch, inputs, attrs, own } = call;
  const x = inputs['x']!;
  if (!areFloat(x)) return undefined;
  const scale = partsOf(call, x).power(-(attrs['beta'] as number));
  return backend.wrap(torch.call('aten::mul.Tensor', tensor(backend.native(x, own)), tensor(scale)), x.shape);
};

/** dx = dy base^-beta - 2 alpha beta x * the sum over neighbours of dy y / base. */
const lrnGrad: NativeKernel = (call) => {
  const { backend, torch, inputs, attrs, own } = call;
  const [x, y, dy] = [inputs['x']!, inputs['y']!, inputs['dy']!];
  if (!areFloat(x, y, dy)) return undefined;
  const [alpha, beta] = [attrs['alpha'], attrs['beta']] as [number, number];
  const { base, band, power } = partsOf(call, x);
  const [hx, hy, hdy] = [x, y, dy].map((each) => tensor(backend.native(each, own)));
  const multiply = (a: Handle, b: Handle): Handle =>
    own(torch.call('aten::mul.Tensor', tensor(a), tensor(b)));
  const share = own(torch.call('aten::mul.Tensor', hdy!, hy!));
  const shared = own(torch.call('aten::div.Tensor', tensor(share), tensor(base)));
  const around = own(torch.call('aten::matmul', tensor(shared), tensor(band)));
  const others = own(torch.call('aten::mul.Tensor', hx!, tensor(around)));
  const straight = multiply(backend.native(dy, own), power(-beta));
  return backend.wrap(torch.addScaled(straight, others, -2 * alpha * beta), x.shape);
};

export const lrnConfigs: readonly KernelConfig[] = [config(LRN, lrn), config(LRNGrad, lrnGrad)];
