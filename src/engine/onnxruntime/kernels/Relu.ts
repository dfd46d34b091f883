// ReLU. ReLU of a convolution or of a batch normalisation that is not computed yet is computed together with it.
import { type KernelConfig, Relu } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { deferRelu } from './shared/batch-norm.js';
import { type NativeKernel, withCpuFallback } from './shared/kernel.js';
import { type UnaryGraph, computeUnary, isNativeUnary } from './shared/unary.js';

const graph: UnaryGraph = (g, x) => g.node('Relu', [x]);

const relu: NativeKernel = (call) => {
  const { backend, inputs } = call;
  const x = inputs['x']!;
  if (!isNativeUnary(x)) return undefined;
  const y =
    backend.deferred(x, 'Conv2D')?.computeRelu!() ?? deferRelu(backend, x) ?? computeUnary(call, Relu, graph);
  backend.facts(y).positivePartOf = backend.facts(x);
  backend.facts(x).positivePart = y;
  return y;
};

export const reluConfig: KernelConfig = {
  kernelName: Relu,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Relu, relu),
};
