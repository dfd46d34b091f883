import assert from 'node:assert/strict';
import { registerOnnxRuntimeBackend } from '../../src/engine/onnxruntime/register.js';
import { momentumUpdate } from '../../src/engine/momentum.js';
import { difference, normal, tf } from './onnxruntime/support.js';

describe('momentum', () => {
  before(() => registerOnnxRuntimeBackend(2)); // Tests of the engine, which closes it, may have run before.

  for (const backend of ['cpu', 'onnxruntime']) {
    it(`follows Caffe's update over three steps with a rate that falls, on ${backend}`, async () => {
      await tf.setBackend(backend);
      tf.tidy(() => {
        let [w, v] = [0.5, 0];
        let state: { weight: tf.Tensor; velocity: tf.Tensor } = {
          weight: tf.tensor1d([w]),
          velocity: tf.tensor1d([v]),
        };
        for (const [rate, gradient] of [
          [0.1, 2],
          [0.1, -1],
          [0.01, 3],
        ] as const) {
          v = 0.9 * v - rate * (gradient + 0.05 * w);
          w += v;
          const step = { learningRate: rate, momentum: 0.9, decay: 0.05 };
          state = momentumUpdate(state.weight, state.velocity, tf.tensor1d([gradient]), step);
          assert.ok(Math.abs(state.weight.dataSync()[0]! - w) < 1e-6);
          assert.ok(Math.abs(state.velocity.dataSync()[0]! - v) < 1e-6);
        }
      });
    });

    it(`uses the old weight and velocity up and leaves no other tensor, on ${backend}`, async () => {
      await tf.setBackend(backend);
      const gradient = tf.tensor1d([1]);
      const before = tf.memory().numTensors;
      const step = { learningRate: 0.1, momentum: 0.9, decay: 1 };
      const next = momentumUpdate(tf.tensor1d([1]), tf.tensor1d([0]), gradient, step);
      assert.equal(tf.memory().numTensors, before + 2);
      tf.dispose([gradient, next.weight, next.velocity]);
    });
  }

  it('does in place, in many pieces, what it does by operations; a shared weight is not overwritten', async () => {
    const results = [];
    for (const backend of ['cpu', 'onnxruntime']) {
      await tf.setBackend(backend);
      for (const decay of [0, 0.01]) {
        const [weight, velocity, gradient] = [1, 2, 3].map((seed) => normal([3, 100_001], seed));
        const alias = weight!.clone();
        const before = await alias.data();
        const step = { learningRate: 0.1, momentum: 0.9, decay };
        const first = momentumUpdate(weight!, velocity!, gradient!, step);
        assert.deepEqual(await alias.data(), before);
        const second = momentumUpdate(first.weight, first.velocity, gradient!, step);
        for (const tensor of [second.weight, second.velocity]) {
          const { shape, dtype } = tensor;
          results.push({ shape, dtype, data: tensor.dataSync<'float32'>() });
        }
        tf.dispose([alias, gradient!, second.weight, second.velocity]);
      }
    }
    for (let i = 0; i < 4; i++) assert.ok(difference(results[i]!, results[i + 4]!) < 1e-6);
  });

  it('refuses shapes that differ', async () => {
    await tf.setBackend('onnxruntime');
    const step = { learningRate: 0.1, momentum: 0.9, decay: 0 };
    assert.throws(
      () => momentumUpdate<tf.Rank>(tf.zeros([2]), tf.zeros([2]), tf.zeros([3]), step),
      /Expected shape \[2\] for the gradient of an update but received \[3\]/,
    );
  });
});
