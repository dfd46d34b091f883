// One step of stochastic gradient descent with momentum, in place; tfjs has no such kernel.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../shape.js';
import type { OnnxRuntimeBackend } from './backend.js';
import type { MomentumStep } from './loops/loops.js';
import { hasLoops } from './loops/module.js';
import { parallelLoops } from './loops/parallel.js';

export type { MomentumStep } from './loops/loops.js';

/** Elements at a time: weight, velocity and gradient stay in the second-level cache from node to node. */
const CHUNK = 2 ** 17;

/** The step as graphs, where there is no WebAssembly with SIMD. */
const computeGraphs = (
  backend: OnnxRuntimeBackend,
  tensors: readonly [weight: TensorInfo, velocity: TensorInfo, gradient: TensorInfo],
  { learningRate, momentum, decay }: MomentumStep,
): void => {
  const [w, v, d] = tensors.map((tensor) => backend.buffer(tensor));
  const length = sizeFromShape(tensors[0].shape);
  backend.withWorkspace(16, (factors) => {
    factors.memory.set([momentum, -learningRate, -learningRate * decay]);
    const [m, r, s] = [0, 1, 2].map((i) => factors.value([1], i));
    for (let start = 0; start < length; start += CHUNK) {
      const dims = [Math.min(CHUNK, length - start)];
      const [wv, vv] = [w!.value(dims, start), v!.value(dims, start)];
      backend.run(
        decay === 0 ? 'MomentumStep' : 'MomentumStep:decay',
        (g) => {
          const [x, y, z] = ['weight', 'velocity', 'gradient'].map((name) => g.input(name, 'float32', ['n']));
          const [p, q, t] = ['m', 'r', 's'].map((name) => g.input(name, 'float32', [1]));
          let next = g.node('Add', [g.node('Mul', [y!, p!]), g.node('Mul', [z!, q!])]);
          if (decay !== 0) next = g.node('Add', [next, g.node('Mul', [x!, t!])]);
          g.output(g.node('Add', [x!, next]), 'float32', ['n']);
          g.output(next, 'float32', ['n']);
        },
        [wv, vv, d!.value(dims, start), m!, r!, s!],
        [wv, vv],
      );
    }
  });
};

/**
 * velocity = momentum * velocity - learningRate * (gradient + decay * weight); weight = weight + velocity. Both are
 * overwritten.
 *
 * @param weight a float32 tensor whose data nothing else shares
 * @param velocity likewise, of the same size
 */
export const momentumStep = (
  backend: OnnxRuntimeBackend,
  weight: TensorInfo,
  velocity: TensorInfo,
  gradient: TensorInfo,
  step: MomentumStep,
): void => {
  for (const tensor of [weight, velocity, gradient]) backend.moveToPool(tensor);
  for (const tensor of [weight, velocity]) backend.invalidate(tensor);
  if (!hasLoops()) {
    computeGraphs(backend, [weight, velocity, gradient], step);
    return;
  }
  const [w, v, d] = [weight, velocity, gradient].map((tensor) => backend.values(tensor));
  parallelLoops.momentum(backend.worker, w!, v!, d!, step);
};
