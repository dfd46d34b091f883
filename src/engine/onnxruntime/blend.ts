// A tensor moved towards another in place; tfjs has no such kernel.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../shape.js';
import type { OnnxRuntimeBackend } from './backend.js';

/** Elements at a time: both tensors stay in the second-level cache from node to node. */
const CHUNK = 2 ** 15;

/**
 * target + rate * (source - target), in place of the target.
 *
 * @param target a float32 tensor whose data nothing else shares
 * @param source a float32 tensor of the same size
 */
export const blendInPlace = (
  backend: OnnxRuntimeBackend,
  target: TensorInfo,
  source: TensorInfo,
  rate: number,
): void => {
  for (const tensor of [target, source]) backend.moveToPool(tensor);
  backend.invalidate(target);
  const [to, from] = [backend.buffer(target), backend.buffer(source)];
  const length = sizeFromShape(target.shape);
  backend.withWorkspace(1, (factor) => {
    factor.memory[0] = rate;
    for (let start = 0; start < length; start += CHUNK) {
      const dims = [Math.min(CHUNK, length - start)];
      const place = to.value(dims, start);
      backend.run(
        'Blend',
        (g) => {
          const [x, y] = ['target', 'source'].map((name) => g.input(name, 'float32', ['n']));
          const step = g.node('Mul', [g.node('Sub', [y!, x!]), g.input('rate', 'float32', [1])]);
          g.output(g.node('Add', [x!, step]), 'float32', ['n']);
        },
        [place, from.value(dims, start), factor.value([1])],
        [place],
      );
    }
  });
};
