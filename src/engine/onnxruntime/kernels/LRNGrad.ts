// The gradient of local response normalisation: dy * scale^-beta - 2 alpha beta x * (sum over neighbours of dy * y / scale).
import { type KernelConfig, LRNGrad } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, withCpuFallback } from './shared/kernel.js';
import {
  addScale,
  computeLocalResponse,
  isNativeLocalResponse,
  localResponseOf,
} from './shared/local-response.js';

const lrnGrad: NativeKernel = ({ backend, inputs, attrs }) => {
  const tensors = [inputs['x']!, inputs['y']!, inputs['dy']!];
  const response = localResponseOf(attrs);
  if (!isNativeLocalResponse(tensors, response)) return undefined;
  return computeLocalResponse(backend, LRNGrad, response, tensors, (g, [x, y, dy], band) => {
    const [scale, power] = addScale(g, x!, band, response);
    const direct = g.node('Mul', [dy!, power]);
    const sums = g.node('MatMul', [g.node('Div', [g.node('Mul', [dy!, y!]), scale]), band]);
    const factor = g.scalar(2 * response.alpha * response.beta);
    return g.node('Sub', [direct, g.node('Mul', [g.node('Mul', [x!, factor]), sums])]);
  });
};

export const lrnGradConfig: KernelConfig = {
  kernelName: LRNGrad,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(LRNGrad, lrnGrad),
};
