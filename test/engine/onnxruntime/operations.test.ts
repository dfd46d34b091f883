import fc from 'fast-check';
import { limits } from '../../../src/engine/onnxruntime/kernels/shared/kernel.js';
import { agree, normal, tf } from './support.js';
import { sizeFromShape } from '../../../src/shape.js';

/** Large enough that the native kernels do the work. */
const shape = [3, 24, 20, 16];
const axesSets = [[0], [3], [0, 1, 2], [1, 2], [0, 3], [0, 1, 2, 3], [2]];

describe('backend: operations', () => {
  const unaries: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    abs: tf.abs,
    clip: (x) => tf.clipByValue(x, -0.5, 0.25),
    elu: tf.elu,
    exp: tf.exp,
    leakyRelu: (x) => tf.leakyRelu(x, 0.3),
    log: (x) => tf.log(tf.abs(x)),
    neg: tf.neg,
    reciprocal: tf.reciprocal,
    relu: tf.relu,
    relu6: (x) => tf.relu6(tf.mul(x, 4)),
    rsqrt: (x) => tf.rsqrt(tf.abs(x)),
    sigmoid: tf.sigmoid,
    sqrt: (x) => tf.sqrt(tf.abs(x)),
    square: tf.square,
    step: (x) => tf.step(x),
    stepWithSlope: (x) => tf.step(x, 0.5),
    tanh: tf.tanh,
    softmax: (x) => tf.softmax(x),
  };
  for (const [name, compute] of Object.entries(unaries)) {
    it(`${name} and its gradient`, () =>
      agree(() => {
        const x = normal(shape, 1);
        const y = compute(x);
        return name.startsWith('step') ? y : [y, tf.grad(compute)(x, normal(y.shape, 2))];
      }));
    it(`${name} of NaN, infinities, zeros and denormal numbers`, () =>
      agree(() => {
        const special = [NaN, Infinity, -Infinity, 0, -0, 1e-45, -1e-45, 1e-38, 3e38, -3e38];
        const data = Float32Array.from({ length: 5000 }, (_, i) => special[i % special.length]!);
        return compute(name === 'softmax' ? tf.tensor1d([...data.keys()]) : tf.tensor1d(data));
      }));
  }

  const binaries = {
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: tf.div,
    squaredDifference: tf.squaredDifference,
  };
  for (const [name, compute] of Object.entries(binaries)) {
    it(`${name} with any broadcasting, and its gradients (property)`, async () => {
      const pair = fc
        .array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom('both', 'a', 'b')), {
          minLength: 1,
          maxLength: 5,
        })
        .map((dims) => ({
          a: dims.map(([n, who]) => (who === 'b' ? 1 : n)),
          b: dims.map(([n, who]) => (who === 'a' ? 1 : n)),
          drop: dims.findIndex(([, who]) => who !== 'a'),
        }));
      await fc.assert(
        fc.asyncProperty(pair, async ({ a, b, drop }) => {
          const shorter = b.slice(Math.max(0, drop));
          await agree(() => {
            const [x, y] = [normal([40, ...a], 1), normal(shorter.length ? shorter : [1], 2)];
            const z = compute(x, y);
            if (name === 'squaredDifference') return z; // tfjs's gradient of it does not broadcast.
            const grads = tf.grads((p: tf.Tensor, q: tf.Tensor) => compute(p, q))([x, y], normal(z.shape, 3));
            return [z, ...grads];
          }, 2e-5);
        }),
        { numRuns: 12, seed: 1 },
      );
    });
  }

  const reductions = { sum: tf.sum, mean: tf.mean, max: tf.max, min: tf.min };
  for (const [name, compute] of Object.entries(reductions)) {
    it(`${name} over any axes`, async () => {
      for (const axes of axesSets)
        for (const keep of [false, true])
          await agree(() => compute(normal(shape, 1), axes, keep), 1e-5, axes.join());
    });
  }

  it('transpose by any permutation (property)', async () => {
    const permuted = fc
      .shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5, maxLength: 5 })
      .chain((perm) =>
        fc.tuple(fc.constant(perm), fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 5, maxLength: 5 })),
      );
    await fc.assert(
      fc.asyncProperty(permuted, async ([perm, dims]) => {
        const size = sizeFromShape(dims);
        await agree(() => tf.transpose(normal(dims.with(0, dims[0]! * Math.ceil(5000 / size)), 1), perm), 0);
      }),
      { numRuns: 25, seed: 2 },
    );
  });

  it('matrix products with transposes, batches and their gradients (property)', async () => {
    const size = fc.integer({ min: 1, max: 40 });
    const batch = fc.constantFrom(
      [[], []],
      [[3], [3]],
      [[3], [1]],
      [[1], [3]],
      [
        [2, 3],
        [2, 3],
      ],
    );
    await fc.assert(
      fc.asyncProperty(
        size,
        size,
        size,
        batch,
        fc.boolean(),
        fc.boolean(),
        async (m, k, n, [p, q], tA, tB) => {
          await agree(() => {
            const a = normal([...p, ...(tA ? [k, m] : [m, k])], 1);
            const b = normal([...q, ...(tB ? [n, k] : [k, n])], 2);
            const y = tf.matMul(a, b, tA, tB);
            if (p.join() !== q.join()) return y; // tfjs has no gradient of a product with broadcasting.
            const grads = tf.grads((x: tf.Tensor, z: tf.Tensor) => tf.matMul(x, z, tA, tB))(
              [a, b],
              normal(y.shape, 3),
            );
            return [y, ...grads];
          });
        },
      ),
      { numRuns: 25, seed: 3 },
    );
  });

  it('a few rows times a large matrix, and its gradients (property)', async () => {
    const { large, small } = limits;
    Object.assign(limits, { large: 1, small: 1 });
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 70 }),
          fc.constantFrom(64, 128, 192, 100),
          fc.integer({ min: 1, max: 40 }),
          fc.constantFrom([], [1], [1, 1]),
          fc.constantFrom('linear' as const, 'relu' as const),
          async (m, k, n, batch, activation) => {
            await agree(() => {
              const [a, b] = [normal([...batch, m, k], 1), normal([...batch, k, n], 2)];
              const multiply = (x: tf.Tensor, y: tf.Tensor, bias: tf.Tensor) =>
                tf.fused.matMul({ a: x, b: y, bias, activation });
              const inputs = [a, b, normal([n], 3)];
              const y = multiply(a, b, inputs[2]!);
              const rotated = tf.matMul(normal([...batch, m, n], 4), b, false, true);
              return [y, rotated, ...tf.grads(multiply)(inputs, normal(y.shape, 5))];
            });
          },
        ),
        { numRuns: 40, seed: 9 },
      );
    } finally {
      Object.assign(limits, { large, small });
    }
  });

  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'leakyrelu', 'sigmoid', 'prelu'] as const) {
    it(`fused matMul and conv2d with bias and ${activation}, and their gradients`, () =>
      agree(() => {
        const alpha = tf.tensor1d([0.3]);
        const fused = {
          activation,
          ...(activation === 'leakyrelu' && { leakyreluAlpha: 0.2 }),
          ...(activation === 'prelu' && { preluActivationWeights: alpha }),
        };
        const [x, w] = [normal([2, 6, 6, 5], 1) as tf.Tensor4D, normal([3, 3, 5, 7], 2) as tf.Tensor4D];
        const bias = normal([7], 3) as tf.Tensor1D;
        const convolve = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
          tf.fused.conv2d({
            x: a as tf.Tensor4D,
            filter: b as tf.Tensor4D,
            bias: c,
            strides: 1,
            pad: 'same',
            ...fused,
          });
        const [p, q] = [normal([9, 4], 4) as tf.Tensor2D, normal([4, 7], 5) as tf.Tensor2D];
        const multiply = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
          tf.fused.matMul({ a: a, b: b, bias: c, ...fused });
        const results = [convolve(x, w, bias), multiply(p, q, bias)];
        if (['elu', 'leakyrelu', 'sigmoid', 'prelu'].includes(activation)) return results; // tfjs has no gradient.
        return [...results, ...tf.grads(convolve)([x, w, bias]), ...tf.grads(multiply)([p, q, bias])];
      }));
  }

  it('pooling of any window and its gradients, with ties (property)', async () => {
    const side = fc.integer({ min: 2, max: 9 });
    const pair = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }));
    const pad = fc.constantFrom('same' as const, 'valid' as const, 1);
    await fc.assert(
      fc.asyncProperty(side, side, pair, pair, pad, async (h, w, filter, strides, padding) => {
        fc.pre(h >= filter[0] && w >= filter[1]);
        const channels = Math.ceil(5000 / (2 * h * w));
        for (const operation of [tf.maxPool, tf.avgPool]) {
          await agree(() => {
            const x = tf.relu(tf.round(normal([2, h, w, channels], 1))) as tf.Tensor4D;
            const run = (t: tf.Tensor) => operation(t as tf.Tensor4D, filter, strides, padding);
            const y = run(x);
            return [y, tf.grad(run)(x, normal(y.shape, 2))];
          });
        }
      }),
      { numRuns: 20, seed: 4 },
    );
  });

  it('batch normalisation and its gradients', () =>
    agree(() => {
      const x = normal(shape, 1) as tf.Tensor4D;
      const [mean, offset, scale] = [2, 3, 4].map((seed) => normal([16], seed) as tf.Tensor1D);
      const variance = tf.square(normal([16], 5)) as tf.Tensor1D;
      const run = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
        tf.batchNorm(a as tf.Tensor4D, mean!, variance, b as tf.Tensor1D, c as tf.Tensor1D, 0.01);
      return [
        run(x, offset!, scale!),
        tf.batchNorm(x, mean!, variance),
        ...tf.grads(run)([x, offset!, scale!]),
      ];
    }, 2e-5));

  it('local response normalisation and its gradient', async () => {
    for (const [radius, bias, alpha, beta] of [
      [2, 2, 1e-4, 0.75],
      [5, 1, 1, 0.5],
      [1, 0.5, 2, 1.5],
    ] as const) {
      await agree(() => {
        const x = normal(shape, 1) as tf.Tensor4D;
        const run = (t: tf.Tensor) =>
          tf.localResponseNormalization(t as tf.Tensor4D, radius, bias, alpha, beta);
        return [run(x), tf.grad(run)(x, normal(shape, 2))];
      });
    }
  });

  it('optimisers take the same steps', async () => {
    const optimizers = {
      sgd: () => tf.train.sgd(0.1),
      momentum: () => tf.train.momentum(0.1, 0.9),
      nesterov: () => tf.train.momentum(0.1, 0.9, true),
      adagrad: () => tf.train.adagrad(0.1),
      rmsprop: () => tf.train.rmsprop(0.01),
      adam: () => tf.train.adam(0.01),
      adamax: () => tf.train.adamax(0.01),
      adadelta: () => tf.train.adadelta(0.1),
    };
    for (const [name, make] of Object.entries(optimizers)) {
      await agree(
        () => {
          const w = tf.variable(normal([64, 80], 1));
          const x = normal([32, 64], 2) as tf.Tensor2D;
          const optimizer = make();
          for (let i = 0; i < 4; i++)
            optimizer.minimize(() =>
              tf.mean<tf.Scalar>(tf.square(tf.matMul(x, w as unknown as tf.Tensor2D))),
            );
          const result = w.clone();
          w.dispose();
          optimizer.dispose();
          return result;
        },
        1e-5,
        name,
      );
    }
  });

  it('dropout with a seed', () => agree(() => tf.dropout(normal(shape, 1), 0.4, undefined, 7)));
});
