// 1 where x > 0, else 0. Deferred: ReLU's gradient, dy times a step, does not read it (see shared/deferred-gradients.ts).
import { type KernelConfig, Step } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { canLoop } from '../loops/module.js';
import { type NativeKernel, withCpuFallback } from './shared/kernel.js';
import { type UnaryGraph, computeUnary, isNativeUnary } from './shared/unary.js';

/**
 * ONNX's `Where` computes on one thread, these nodes on all. A factor of 1e30 lifts all but denormal numbers above one;
 * `Ceil` lifts those.
 */
const graph: UnaryGraph = (g, x) => g.node('Ceil', [g.node('HardSigmoid', [x], { alpha: 1e30, beta: 0 })]);

const step: NativeKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs['x']!;
  if (!isNativeUnary(x) || attrs['alpha']) return undefined;
  const compute = () => computeUnary(call, Step, graph);
  return canLoop(x.shape.at(-1)!)
    ? backend.defer(x.shape, { kind: 'Step', inputs: { x }, compute })
    : compute();
};

export const stepConfig: KernelConfig = {
  kernelName: Step,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Step, step),
};
