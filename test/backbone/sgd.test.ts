import assert from 'node:assert/strict';
import type { Tf } from '../../src/backbone/forward.js';
import { sgdStep } from '../../src/backbone/sgd.js';
import { cpu } from './tf.js';

describe('sgd', () => {
  let tf: Tf;
  before(async () => {
    tf = await cpu();
  });

  it("follows Caffe's update over three steps, with a rate that falls", () => {
    tf.tidy(() => {
      let [w, v] = [0.5, 0];
      let state = { weight: tf.tensor1d([w]), velocity: tf.tensor1d([v]) } as ReturnType<typeof sgdStep>;
      for (const [rate, gradient] of [
        [0.1, 2],
        [0.1, -1],
        [0.01, 3],
      ] as const) {
        v = 0.9 * v - rate * (gradient + 0.05 * w);
        w += v;
        state = sgdStep(tf, state.weight, state.velocity, tf.tensor1d([gradient]), {
          learningRate: rate,
          momentum: 0.9,
          decay: 0.05,
        });
        assert.ok(Math.abs(state.weight.dataSync()[0]! - w) < 1e-6);
        assert.ok(Math.abs(state.velocity.dataSync()[0]! - v) < 1e-6);
      }
    });
  });

  it('leaves no tensors behind but the two it returns', () => {
    const given = [tf.tensor1d([1]), tf.tensor1d([0]), tf.tensor1d([1])] as const;
    const before = tf.memory().numTensors;
    const next = sgdStep(tf, ...given, { learningRate: 0.1, momentum: 0.9, decay: 1 });
    assert.equal(tf.memory().numTensors, before + 2);
    tf.dispose([...given, next.weight, next.velocity]);
  });
});
