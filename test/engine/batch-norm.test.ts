import assert from 'node:assert/strict';
import { type Moments, batchNorm } from '../../src/engine/batch-norm.js';
import { registerOnnxRuntimeBackend } from '../../src/engine/onnxruntime/register.js';
import { agree, difference, normal, on, tf } from './onnxruntime/support.js';

type Image = tf.Tensor4D;

const EPSILON = 1e-5;

/** The definition, by tfjs's operations. */
const byDefinition = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor => {
  const mean = tf.mean(x, [0, 1, 2], true);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), [0, 1, 2], true);
  const normalised = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, EPSILON)));
  return tf.add(tf.mul(normalised, scale), offset);
};

type Norm = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) => tf.Tensor;

const ours: Norm = (x, scale, offset) =>
  batchNorm(x as Image, scale as tf.Tensor1D, offset as tf.Tensor1D, EPSILON, () => undefined);

/** What follows the normalisation in a net. */
const uses: Readonly<Record<string, (z: tf.Tensor) => tf.Tensor>> = {
  nothing: (z) => z,
  ReLU: (z) => tf.relu(z),
  'ReLU and pooling': (z) => tf.maxPool(tf.relu(z) as Image, 2, 2, 'valid'),
  'pooling without ReLU': (z) => tf.maxPool(z as Image, 2, 2, 'valid'),
  'ReLU, read by two': (z) => {
    const y = tf.relu(z) as Image;
    return tf.add(tf.maxPool(y, 2, 2, 'valid'), tf.avgPool(y, 2, 2, 'valid'));
  },
  'ReLU beside another reader of the normalised': (z) => tf.add(tf.relu(z), tf.mul(z, 0.5)),
};

/** A function of a convolution's normalised output, and all gradients. */
const gradients = (norm: Norm, use: (z: tf.Tensor) => tf.Tensor, shape: number[], outputs: number) => () => {
  const [x, w] = [normal(shape, 1), normal([3, 3, shape[3]!, outputs], 2)];
  const [scale, offset] = [normal([outputs], 3), normal([outputs], 4)];
  const args = [x, w, scale, offset];
  const f = (...[image, filter, gamma, beta]: tf.Tensor[]): tf.Tensor =>
    use(norm(tf.conv2d(image as Image, filter as Image, 1, 'same'), gamma!, beta!));
  const y = f(...args);
  return [y, ...tf.grads(f)(args, normal(y.shape, 5))];
};

describe('batch normalisation', () => {
  before(() => registerOnnxRuntimeBackend(2)); // Tests of the engine, which closes it, may have run before.

  for (const [name, use] of Object.entries(uses))
    for (const [shape, outputs] of [
      [[3, 8, 8, 16], 16],
      [[3, 8, 8, 3], 8],
      [[3, 6, 10, 4], 12],
      [[3, 6, 6, 4], 6],
    ] as [number[], number][])
      it(`has the value and the gradients of its definition on tfjs-cpu, with ${name}: ${shape.join('x')} to ${outputs}`, async () => {
        const wanted = await on('cpu', gradients(byDefinition, use, shape, outputs));
        for (const backend of ['cpu', 'onnxruntime']) {
          const found = await on(backend, gradients(ours, use, shape, outputs));
          found.forEach((result, i) => {
            const d = difference(result, wanted[i]!);
            assert.ok(d < 1e-5, `${backend}, result ${i}: ${d}`);
          });
        }
      });

  it('takes odd maps, which windows of 2 x 2 do not tile', () =>
    agree(gradients(ours, uses['ReLU and pooling']!, [3, 9, 7, 16], 16)));

  it('is computed on two threads, for large maps, as on one', () =>
    agree(() => {
      const x = normal([6, 64, 48, 16], 1);
      const f = (z: tf.Tensor) =>
        tf.sum(tf.square(uses['ReLU and pooling']!(ours(z, normal([16], 2), normal([16], 3)))));
      const { value, grad } = { value: f(x), grad: tf.grad(f)(x) };
      return [value, grad];
    }));

  it('gives the moments of the batch, of numbers far from zero too', async () => {
    for (const backend of ['cpu', 'onnxruntime']) {
      await tf.setBackend(backend);
      const found: Moments[] = [];
      tf.tidy(() => {
        const x = tf.add<Image>(tf.mul(normal([16, 20, 20, 8], 1), 0.01), 100);
        const z = batchNorm(x, tf.ones([8]), tf.zeros([8]), 0, (moments) => found.push(moments));
        const values = x.dataSync();
        for (let c = 0; c < 8; c++) {
          const channel = Float64Array.from({ length: 16 * 400 }, (_, i) => values[i * 8 + c]!);
          const mean = channel.reduce((a, b) => a + b) / channel.length;
          const variance = channel.reduce((a, b) => a + (b - mean) ** 2, 0) / channel.length;
          assert.ok(Math.abs(found[0]!.mean[c]! / mean - 1) < 1e-6, backend);
          if (backend === 'onnxruntime') assert.ok(Math.abs(found[0]!.variance[c]! / variance - 1) < 1e-5);
        }
        assert.ok(Math.abs(tf.moments(z).variance.dataSync()[0]! - 1) < 1e-2, backend);
      });
    }
  });

  it('never writes the map before pooling, and leaves no tensor behind', async () => {
    await tf.setBackend('onnxruntime');
    const x = normal([8, 32, 32, 16], 1) as Image;
    const [scale, offset] = [tf.ones([16]), tf.zeros([16])];
    const before = tf.memory().numTensors;
    const pool = (tf.backend() as unknown as { pool: { statistics: { inUse: number } } }).pool;
    x.dataSync();
    const inUse = pool.statistics.inUse;
    const y = tf.tidy(() => {
      const pooled = uses['ReLU and pooling']!(ours(x, scale, offset));
      // The pooled map and the factors; the normalised one and its ReLU would be 8 times as much.
      assert.ok(pool.statistics.inUse - inUse < 1.2 * pooled.size + x.size, `${pool.statistics.inUse}`);
      return pooled;
    });
    assert.equal(tf.memory().numTensors, before + 1);
    tf.dispose([x, scale, offset, y]);
  });
});
