// Max pooling. Where it follows a batch normalisation and ReLU that are not computed yet, they are computed together.
import { type KernelConfig, MaxPool } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { poolNormalised } from './shared/batch-norm.js';
import { type NativeKernel, withCpuFallback } from './shared/kernel.js';
import { isTiling, poolGeometry, pooling } from './shared/pooling.js';

const anyPooling = pooling({ tiled: 'ReduceMax', general: 'MaxPool' });

const maxPool: NativeKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs['x']!;
  const info = backend.deferred(x, 'Relu') && poolGeometry(x.shape, attrs);
  const isTwoByTwo = info?.filterHeight === 2 && info.filterWidth === 2 && isTiling(info);
  return (isTwoByTwo ? poolNormalised(backend, x, info.outShape) : undefined) ?? anyPooling(call);
};

export const maxPoolConfig: KernelConfig = {
  kernelName: MaxPool,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(MaxPool, maxPool),
};
