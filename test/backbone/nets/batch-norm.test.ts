import assert from 'node:assert/strict';
import type * as tfjs from '@tensorflow/tfjs-core';
import { configs, layersOf, weightShapes } from '../../../src/backbone/nets/architecture.js';
import {
  afterBatch,
  firstMoments,
  foldFactors,
  foldedNet,
  normalisedLayersOf,
  scaleOf,
} from '../../../src/backbone/nets/batch-norm.js';
import { denseForward, forward } from '../../../src/backbone/nets/forward.js';
import { cpu, randomArray, randomWeights, tinyNet } from '../tf.js';

const near = (actual: ArrayLike<number>, wanted: readonly number[]): void => {
  assert.equal(actual.length, wanted.length);
  wanted.forEach((x, i) => assert.ok(Math.abs(actual[i]! - x) < 1e-6, `${Array.from(actual).join()} ${i}`));
};

describe('batch normalisation of a net', () => {
  it('is a property of its description: after every convolution, and nowhere else', () => {
    for (const config of configs) {
      const net = tinyNet({ config, batchNorm: true });
      const convolutions = layersOf(net).filter(({ kind }) => kind === 'conv');
      assert.deepEqual(normalisedLayersOf(net), convolutions);
      assert.ok(convolutions.length > 0);
      assert.deepEqual(normalisedLayersOf(tinyNet({ config })), []);
      assert.deepEqual(foldedNet(net), tinyNet({ config }));
      assert.deepEqual(weightShapes(net), weightShapes(tinyNet({ config })));
    }
  });

  it("moves a tenth of the way to a batch's moments, to its unbiased variance", () => {
    const batch = { mean: Float32Array.of(10, -5), variance: Float32Array.of(3, 6) };
    // n = 4: the variances over n - 1 are 4 and 8.
    const first = afterBatch(firstMoments(2), batch, 4);
    near(first.mean, [1, -0.5]);
    near(first.variance, [0.9 + 0.4, 0.9 + 0.8]);
    const second = afterBatch(first, batch, 4);
    near(second.mean, [1.9, -0.95]);
    near(second.variance, [1.57, 2.33]);
  });

  it('folds into filters and a bias, as worked out by hand', () => {
    const epsilon = 1e-5;
    const running = { mean: Float32Array.of(2, -1), variance: Float32Array.of(4 - epsilon, 0.25 - epsilon) };
    // (x - 2) / 2 * 3 + 1 = 1.5 x - 2; (x + 1) / 0.5 * -1 + 0.5 = -2 x - 1.5.
    const { factors, bias } = foldFactors(running, Float32Array.of(3, -1), Float32Array.of(1, 0.5));
    near(factors, [1.5, -2]);
    near(bias, [-2, -1.5]);
  });

  it('normalises by the moments of the batch, in the form of the definition', async () => {
    const tf = await cpu();
    const net = tinyNet({ batchNorm: true });
    tf.tidy(() => {
      const weights = randomWeights(tf, net);
      const layers = normalisedLayersOf(net);
      for (const layer of layers)
        weights.set(scaleOf(layer), tf.tensor1d(randomArray(layer.outputs, layer.outputs)));
      const x = tf.tensor4d(randomArray(5 * 8 * 8 * 3, 1), [5, 8, 8, 3]);
      let map = x;
      for (const { name } of layers) {
        const z = tf.conv2d(map, weights.get(`${name}.weight`) as tfjs.Tensor4D, 1, 'same');
        const mean = tf.mean(z, [0, 1, 2], true);
        const variance = tf.mean(tf.square(tf.sub(z, mean)), [0, 1, 2], true);
        const unit = tf.div(tf.sub(z, mean), tf.sqrt(tf.add(variance, 1e-5)));
        const shifted = tf.add(tf.mul(unit, weights.get(`${name}.gamma`)!), weights.get(`${name}.bias`)!);
        map = tf.maxPool(tf.relu(shifted) as tfjs.Tensor4D, 2, 2, 'valid');
      }
      const pools: Float32Array[] = [];
      forward(tf, net, weights, x, {
        visit: ({ name }, output) => {
          if (name === 'pool2') pools.push(output.dataSync<'float32'>());
        },
      });
      const wanted = map.dataSync<'float32'>();
      assert.equal(pools[0]!.length, wanted.length);
      wanted.forEach((value, i) => assert.ok(Math.abs(pools[0]![i]! - value) < 1e-5));
    });
  });

  it('is refused by what takes folded nets only', async () => {
    const tf = await cpu();
    const net = tinyNet({ batchNorm: true });
    tf.tidy(() =>
      assert.throws(
        () => denseForward(tf, net, randomWeights(tf, net), tf.zeros([1, 8, 8, 3])),
        /Expected a net with its batch normalisation folded for conv1_1/,
      ),
    );
  });
});
