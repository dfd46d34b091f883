// Local response normalisation over channels (Krizhevsky et al., 2012, section 3.3).
import { type KernelConfig, LRN } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, withCpuFallback } from './shared/kernel.js';
import {
  addScale,
  computeLocalResponse,
  isNativeLocalResponse,
  localResponseOf,
} from './shared/local-response.js';

const lrn: NativeKernel = ({ backend, inputs, attrs }) => {
  const x = inputs['x']!;
  const response = localResponseOf(attrs);
  if (!isNativeLocalResponse([x], response)) return undefined;
  return computeLocalResponse(backend, LRN, response, [x], (g, [input], band) => {
    const [, power] = addScale(g, input!, band, response);
    return g.node('Mul', [input!, power]);
  });
};

export const lrnConfig: KernelConfig = {
  kernelName: LRN,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(LRN, lrn),
};
