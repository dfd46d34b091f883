import assert from 'node:assert/strict';
import type { OnnxRuntimeBackend } from '../../../src/engine/onnxruntime/backend.js';
import { Pool, capacityFor } from '../../../src/engine/onnxruntime/pool.js';
import { momentumUpdate } from '../../../src/engine/momentum.js';
import { normal, tf } from './support.js';

const ours = (): OnnxRuntimeBackend => tf.backend() as OnnxRuntimeBackend;

/** A small net with what a VGG net has: convolutions, pooling, a dense layer, a loss. */
const loss =
  (x: tf.Tensor4D) =>
  (...[w1, w2, w3]: tf.Tensor[]): tf.Scalar => {
    const first = tf.maxPool(tf.relu(tf.conv2d(x, w1 as tf.Tensor4D, 1, 'same')), 2, 2, 'valid');
    const second = tf.maxPool(tf.relu(tf.conv2d(first, w2 as tf.Tensor4D, 1, 'same')), 2, 2, 'valid');
    const logits = tf.matMul(tf.reshape(second, [4, 64]), w3 as tf.Tensor2D);
    return tf.neg(tf.mean(tf.gather(tf.logSoftmax(logits), [0], 1)));
  };

describe('backend: memory', () => {
  beforeEach(() => tf.setBackend('onnxruntime'));

  it('has as many pooled buffers after 1,000 training steps as after 10', () => {
    const weights = [
      [3, 3, 3, 16],
      [3, 3, 16, 16],
      [64, 10],
    ].map((shape, i) => tf.mul(normal(shape, i), 0.2));
    let velocities: tf.Tensor[] = weights.map((w) => tf.zerosLike(w));
    let current: tf.Tensor[] = weights;
    const step = (seed: number): void => {
      const x = normal([4, 8, 8, 3], seed % 7) as tf.Tensor4D;
      const grads = tf.grads(loss(x))(current);
      const next = current.map((w, i) =>
        momentumUpdate(w, velocities[i]!, grads[i]!, { learningRate: 0.01, momentum: 0.9, decay: 5e-4 }),
      );
      current = next.map(({ weight }) => weight);
      velocities = next.map(({ velocity }) => velocity);
      tf.dispose([x, ...grads]);
    };
    for (let i = 0; i < 10; i++) step(i);
    const [tensors, { buffers, inUse, sessions }] = [tf.memory().numTensors, ours().statistics];
    for (let i = 10; i < 1000; i++) step(i);
    assert.equal(tf.memory().numTensors, tensors);
    const after = ours().statistics;
    assert.deepEqual([after.buffers, after.inUse, after.sessions], [buffers, inUse, sessions]);
    assert.ok(current.every((w) => w.dataSync().every(Number.isFinite)));
    tf.dispose([...current, ...velocities]);
  }).timeout(120_000);

  it('takes a free buffer that is somewhat too large rather than fresh memory', () => {
    const pool = new Pool();
    const [large, small] = [pool.acquire(150_000), pool.acquire(16)];
    pool.recycle(large);
    assert.equal(pool.acquire(90_000) === large, false); // It would leave too much unused.
    const buffer = pool.acquire(110_000);
    assert.equal(buffer, large);
    assert.equal(buffer.view(110_000).length, 110_000);
    pool.recycle(buffer);
    assert.equal(pool.acquire(150_000), large); // It is still as large as it was.
    pool.recycle(small);
  });

  it('never holds more than twice what was once in use, whatever shapes come', () => {
    const pool = new Pool();
    let peak = 0;
    for (let i = 1; i < 300; i++) {
      const buffers = [pool.acquire(i * 37), pool.acquire(i * 101)];
      const { inUse } = pool.statistics;
      peak = Math.max(peak, inUse);
      buffers.forEach((buffer) => pool.recycle(buffer));
      assert.ok(pool.statistics.free <= 2 * peak);
      assert.equal(pool.statistics.inUse, 0);
    }
    const last = pool.acquire(300 * 101);
    assert.ok(pool.statistics.inUse + pool.statistics.free <= 2 * Math.max(peak, pool.statistics.inUse));
    pool.recycle(last);
    pool.clear();
    assert.deepEqual(pool.statistics, { buffers: 0, inUse: 0, free: 0 });
  });

  it('finds every buffer of a pass again in the next one, also those that were not in use at the same time', () => {
    const pool = new Pool();
    const pass = () =>
      [1000, 2000].map((length) => {
        const buffer = pool.acquire(length);
        pool.recycle(buffer);
        return buffer;
      });
    const [first, second] = [pass(), pass()];
    first.forEach((buffer, i) => assert.equal(second[i], buffer));
  });

  it('rounds sizes up by a sixteenth at most, above a cache line', () => {
    for (let n = 1; n < 100_000; n = Math.ceil(n * 1.1)) {
      const capacity = capacityFor(n);
      assert.ok(capacity >= n && capacity <= Math.max(n + 16, n * (1 + 1 / 16) + 16), `${n}: ${capacity}`);
      assert.equal(capacityFor(capacity), capacity);
    }
  });

  it('gives away no buffer that is used again: values read, views and clones stay as they were', async () => {
    const x = tf.relu(normal([100, 100], 1));
    const expected = Float32Array.from(x.dataSync());
    const read = x.dataSync();
    const later = x.data();
    const view = tf.slice(x, [10, 0], [50, 100]); // tfjs-cpu makes a view of this.
    const parts = tf.unstack(x);
    const clone = x.clone();
    const buffer = x.bufferSync();
    x.dispose();
    for (let i = 0; i < 10; i++) tf.tidy(() => void tf.neg(tf.ones([100, 100]))); // Uses the buffer again.
    assert.deepEqual(clone.dataSync(), expected);
    clone.dispose();
    for (let i = 0; i < 10; i++) tf.tidy(() => void tf.neg(tf.ones([100, 100])));
    assert.deepEqual(read, expected);
    assert.deepEqual(await later, expected);
    assert.deepEqual(buffer.values, expected);
    assert.deepEqual(view.dataSync(), expected.slice(1000, 6000));
    parts.forEach((part, i) => assert.deepEqual(part.dataSync(), expected.slice(100 * i, 100 * (i + 1))));
    tf.dispose([view, ...parts]);
  });

  it('does not write into arrays that the user gave', () => {
    const data = new Float32Array(10_000).fill(2);
    const given = tf.tensor1d(data);
    const velocity = tf.zeros<tf.Rank.R1>([10_000]);
    const gradient = tf.ones<tf.Rank.R1>([10_000]);
    const next = momentumUpdate(given, velocity, gradient, { learningRate: 1, momentum: 0, decay: 0 });
    assert.equal(next.weight.dataSync()[0], 1);
    assert.ok(data.every((value) => value === 2));
    tf.dispose([next.weight, next.velocity, gradient]);
  });

  it('treats disposed tensors, open tidies and moves between backends as tfjs-cpu does', async () => {
    const behaviours: (() => unknown)[] = [
      () => {
        const x = tf.relu(tf.ones([5000]));
        x.dispose();
        x.dispose();
        return x.isDisposed;
      },
      () => {
        const x = tf.relu(tf.ones([5000]));
        x.dispose();
        return tf.neg(x);
      },
      () => {
        const x = tf.relu(tf.ones([5000]));
        x.dispose();
        return x.dataSync();
      },
      () => tf.tidy(() => tf.relu(tf.ones([5000])).dataSync()),
      () => tf.tidy(() => tf.sum(tf.relu(tf.ones([5000]))).arraySync()),
    ];
    for (const behaviour of behaviours) {
      const outcomes = [];
      for (const name of ['cpu', 'onnxruntime']) {
        await tf.setBackend(name);
        try {
          outcomes.push(behaviour());
        } catch (error) {
          outcomes.push((error as Error).message);
        }
      }
      assert.deepEqual(outcomes[0], outcomes[1]);
    }
    const x = tf.relu(tf.ones([5000]));
    await tf.setBackend('cpu');
    assert.deepEqual(tf.neg(x).dataSync(), new Float32Array(5000).fill(-1));
    await tf.setBackend('onnxruntime');
    assert.deepEqual(tf.add(x, x).dataSync(), new Float32Array(5000).fill(2));
  });

  it('refuses wrong dtypes, ranks and shapes with an error, before native code', () => {
    const x = tf.zeros<tf.Rank.R4>([1, 8, 8, 16]);
    const wrong: [() => unknown, RegExp][] = [
      [
        () => tf.conv2d(x, tf.zeros([3, 3, 8, 4]), 1, 'same'),
        /depth of input \(16\) must match input depth for filter 8/,
      ],
      [() => tf.conv2d(tf.cast(x, 'int32'), tf.zeros([3, 3, 16, 4]), 1, 'same'), /must be float32 tensor/],
      [
        () => tf.conv2d(tf.zeros([8, 8]) as unknown as tf.Tensor4D, tf.zeros([3, 3, 16, 4]), 1, 'same'),
        /rank 4/,
      ],
      [() => tf.matMul(tf.zeros([3, 4]), tf.zeros([5, 6])), /inner shapes \(4\) and \(5\)/],
      [() => tf.add(tf.zeros([100, 99]), tf.zeros([100, 98])), /could not be broadcast/],
      [() => tf.tensor(new Float32Array(5), [2, 3]), /6 values.*5|match the size/],
      [() => ours().output([2 ** 20, 2 ** 20]), /Too little memory for a tensor of \d+ MiB/],
      [() => tf.add(tf.ones([2 ** 20, 1]), tf.ones([1, 2 ** 20])), /Too little memory/],
    ];
    for (const [call, message] of wrong) assert.throws(call, message);
    // A kernel that is called with shapes that no op lets through falls to the CPU kernel or ONNX Runtime's own check.
    const [a, b] = [tf.zeros([3, 4]), tf.zeros([5, 6])];
    assert.throws(() =>
      tf.engine().runKernel('BatchMatMul', { a, b }, { transposeA: false, transposeB: false }),
    );
    assert.deepEqual(tf.add(a, a).shape, [3, 4]); // And the backend goes on.
  });
});
