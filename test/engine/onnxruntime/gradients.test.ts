import assert from 'node:assert/strict';
import type { OnnxRuntimeBackend } from '../../../src/engine/onnxruntime/backend.js';
import { maxPoolGradient } from '../../../src/engine/onnxruntime/kernels/MaxPoolGrad.js';
import { serialLoops } from '../../../src/engine/onnxruntime/loops/loops.js';
import { Random } from '../../../src/random.js';
import { agree, normal, on, tf } from './support.js';

type Image = tf.Tensor4D;

const { poolGradient, reluGradient } = serialLoops;

const backend = (): OnnxRuntimeBackend => tf.backend() as OnnxRuntimeBackend;

/** Convolution with bias, ReLU and, if wanted, pooling: all gradients, and those of the pixels. */
const layer = (size: number, channels: number, pooled: boolean) => (): tf.Tensor[] => {
  const x = normal([3, size, size, 3], 1) as Image;
  const [w, b] = [normal([3, 3, 3, channels], 2) as Image, normal([channels], 3)];
  const f = (image: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor): tf.Tensor => {
    const args = { x: image as Image, filter: filter as Image, bias, strides: 1, pad: 'same' } as const;
    const y = tf.relu(tf.fused.conv2d(args));
    return pooled ? tf.maxPool(y, 2, 2, 'valid') : y;
  };
  const { value, grads } = tf.valueAndGrads((...[i, k, c]: tf.Tensor[]) => tf.sum(tf.square(f(i!, k!, c!))))([
    x,
    w,
    b,
  ]);
  return [value, ...grads];
};

/** Windows of small whole numbers, so that most maxima are shared, zero and below zero. */
const tied = (length: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => Math.floor(random.uniform() * 4) - 2);
};

describe('backend: gradients of ReLU and max pooling', () => {
  for (const [size, channels, pooled] of [
    [20, 16, true],
    [20, 16, false],
    [34, 12, true],
    [20, 18, true],
    [12, 48, true],
    [12, 48, false],
  ] as const)
    it(`of ${channels} channels of ${size}x${size}, ${pooled ? 'pooled' : 'not pooled'}, equal tfjs-cpu's`, () =>
      agree(layer(size, channels, pooled)));

  it("the loop gives exactly what JavaScript's does, with ties, in pieces of any length", () => {
    for (const [batch, height, width, channels] of [
      [2, 3, 5, 8],
      [1, 40, 30, 64],
      [1, 2, 300, 64],
    ] as const) {
      const x = tied(batch * 4 * height * width * channels, 1);
      const dy = tied(batch * height * width * channels, 2);
      const [expected, actual] = [new Float32Array(x.length), new Float32Array(x.length)];
      const info = tf.backend_util.computePool2DInfo(
        [batch, 2 * height, 2 * width, channels],
        2,
        2,
        1,
        'valid',
      );
      maxPoolGradient(x, dy, expected, info);
      const windows = { images: batch, planes: 1, rows: height, columns: width, channels };
      const sums = poolGradient(x, dy, actual, windows, false);
      assert.deepEqual(actual, expected);
      // Whole numbers are summed up without rounding.
      const expectedSums = new Float64Array(channels);
      expected.forEach((value, i) => (expectedSums[i % channels]! += value));
      assert.deepEqual(sums, expectedSums);
      const masked = expected.map((value, i) => (x[i]! > 0 ? value : 0));
      const maskedSums = new Float64Array(channels);
      masked.forEach((value, i) => (maskedSums[i % channels]! += value));
      assert.deepEqual(poolGradient(x, dy, actual, windows, true), maskedSums);
      assert.deepEqual(actual, masked);
    }
  });

  it('ReLU passes NaN on and nothing at zero', () => {
    const z = Float32Array.of(1, -1, 0, NaN, 1e-40, Infinity, -0, -Infinity);
    const dx = new Float32Array(8);
    const extent = { images: 1, planes: 1, rows: 2, columns: 1, channels: 4 };
    const sums = reluGradient(new Float32Array(8).fill(3), z, dx, extent);
    assert.deepEqual([...dx], [3, 0, 0, NaN, 3, 3, 0, 0]);
    assert.deepEqual([...sums], [6, 3, 0, NaN]);
  });

  it('a sum over reshaped gradients is not mistaken for a bias', () =>
    agree(() => {
      const z = normal([64, 128], 1);
      const dz = tf.grad((x) => tf.mul(tf.relu(x), normal([64, 128], 2)))(z);
      return [tf.sum(tf.reshape(dz, [128, 64]), 0), tf.sum(dz, 0), tf.sum(dz, 1), tf.sum(dz, 0, true)];
    }));
});

describe('backend: what is computed when it is read', () => {
  beforeEach(() => tf.setBackend('onnxruntime'));

  const step = (x: tf.Tensor): tf.Tensor => tf.step(x);

  it('is never computed where nobody reads it, and holds its inputs until it is disposed', () => {
    const before = backend().statistics.inUse;
    const z = normal([64, 128], 1);
    const s = step(z);
    z.dispose();
    const held = backend().statistics.inUse;
    s.dispose();
    assert.ok(held - before <= 64 * 128, `${held - before} numbers are in use`);
    assert.equal(backend().statistics.inUse, before);
  });

  it('is read by kernels in JavaScript, by native ones, in clones and after a move to another backend', async () => {
    const compute = (): tf.Tensor[] => {
      const s = step(normal([64, 128], 1));
      return [tf.clone(s), tf.add(s, 1), tf.cumsum(s, 0), tf.slice(s, [3, 3], [5, 5]), tf.mul(s, s)];
    };
    await agree(compute);
    const s = step(normal([64, 128], 1));
    await tf.setBackend('cpu');
    const [moved] = await on('cpu', () => tf.clone(s));
    const [expected] = await on('cpu', () => step(normal([64, 128], 1)));
    assert.deepEqual(moved, expected);
    s.dispose();
  });

  it('sees its inputs as they were: they are not overwritten meanwhile', async () => {
    const { momentumUpdate } = await import('../../../src/engine/momentum.js');
    const weight = tf.mul(normal([64, 128], 1), 1);
    const expected = Float32Array.from(weight.dataSync(), (value) => Number(value > 0));
    const s = step(weight);
    const update = { learningRate: 1, momentum: 0.9, decay: 0 };
    const next = momentumUpdate(weight, tf.zeros([64, 128]), tf.mul(weight, 3), update);
    assert.deepEqual(s.dataSync(), expected);
    tf.dispose([s, next.weight, next.velocity]);
  });

  it('forgets what it knew about numbers that were overwritten', async () => {
    const { momentumUpdate } = await import('../../../src/engine/momentum.js');
    const g = tf.tidy(() => tf.grad((x) => tf.sum(tf.relu(x)))(normal([64, 128], 1)));
    const update = { learningRate: 1, momentum: 0, decay: 0 };
    const { weight, velocity } = momentumUpdate(g, tf.zeros([64, 128]), tf.ones([64, 128]), update);
    const data = weight.dataSync();
    const first = Array.from({ length: 64 }, (_, i) => data[i * 128]!).reduce((a, b) => a + b, 0);
    assert.equal(tf.sum(weight, 0).dataSync()[0], first);
    tf.dispose([weight, velocity]);
  });
});
