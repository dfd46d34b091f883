import assert from 'node:assert/strict';
import { blend } from '../../src/engine/blend.js';
import { registerOnnxRuntimeBackend } from '../../src/engine/onnxruntime/register.js';
import { difference, normal, tf } from './onnxruntime/support.js';

describe('blend', () => {
  before(() => registerOnnxRuntimeBackend(2)); // Tests of the engine, which closes it, may have run before.

  for (const backend of ['cpu', 'onnxruntime']) {
    it(`moves a tensor towards another, in many pieces, and leaves no other tensor, on ${backend}`, async () => {
      await tf.setBackend(backend);
      const [target, source] = [normal([3, 70_001], 1), normal([3, 70_001], 2)];
      const [before, towards] = [target.dataSync<'float32'>().slice(), source.dataSync<'float32'>()];
      const count = tf.memory().numTensors;
      const moved = blend(target, source, 0.25);
      assert.equal(tf.memory().numTensors, count);
      const { shape, dtype } = moved;
      const wanted = before.map((x, i) => x + 0.25 * (towards[i]! - x));
      const found = { shape, dtype, data: moved.dataSync<'float32'>() };
      assert.ok(difference(found, { shape, dtype, data: wanted }) < 1e-6);
      tf.dispose([moved, source]);
    });

    it(`does not change what shares the tensor's numbers, on ${backend}`, async () => {
      await tf.setBackend(backend);
      const [target, source] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 6])];
      const alias = target.clone();
      const moved = blend(target, source, 0.5);
      assert.deepEqual([...moved.dataSync()], [2, 4]);
      assert.deepEqual([...alias.dataSync()], [1, 2]);
      tf.dispose([moved, source, alias]);
    });
  }
});
