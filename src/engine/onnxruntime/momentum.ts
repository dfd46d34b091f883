// One step of stochastic gradient descent with momentum, in place: a kernel of its own, as no tfjs op has it.
import type { OnnxRuntimeBackend } from './backend.js';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { MomentumStep } from './loops/loops.js';
import { hasLoops } from './loops/module.js';
import { tensorLoops } from './loops/parallel.js';
import { sizeOf } from './kernels/shared/kernel.js';

/** Numbers at a time: weight, velocity and gradient of a piece stay in the second-level cache from node to node. */
const PIECE = 2 ** 17;

export type { MomentumStep } from './loops/loops.js';

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
  for (const tensor of [weight, velocity, gradient]) backend.adopt(tensor);
  for (const tensor of [weight, velocity]) backend.forget(tensor);
  if (hasLoops()) {
    const [x, y, z] = [weight, velocity, gradient].map((tensor) => backend.values(tensor));
    tensorLoops.momentum(backend.helper, x!, y!, z!, step);
    return;
  }
  const { learningRate, momentum, decay } = step;
  const [w, v, d] = [weight, velocity, gradient].map((tensor) => backend.block(tensor));
  const length = sizeOf(weight);
  backend.withScratch(16, (factors) => {
    factors.memory.set([momentum, -learningRate, -learningRate * decay]);
    const [m, r, s] = [0, 1, 2].map((i) => factors.value([1], i));
    for (let start = 0; start < length; start += PIECE) {
      const dims = [Math.min(PIECE, length - start)];
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
