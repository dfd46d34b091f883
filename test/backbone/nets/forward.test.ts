import assert from 'node:assert/strict';
import type * as tfjs from '@tensorflow/tfjs-core';
import { configs } from '../../../src/backbone/nets/architecture.js';
import { type Tf, denseForward, forward } from '../../../src/backbone/nets/forward.js';
import { Random } from '../../../src/random.js';
import { cpu, randomArray, randomWeights, tinyNet } from '../tf.js';

const relativeError = (a: Float32Array, b: Float32Array): number => {
  const largest = b.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  return a.reduce((m, x, i) => Math.max(m, Math.abs(x - b[i]!)), 0) / largest;
};

describe('forward', () => {
  let tf: Tf;
  before(async () => {
    tf = await cpu();
  });

  const crops = (count: number, side: number): tfjs.Tensor4D =>
    tf.tensor4d(randomArray(count * side * side * 3, side), [count, side, side, 3]);

  for (const config of configs) {
    it(`${config}: the dense net on a crop equals the net with fully-connected layers`, () => {
      tf.engine().startScope();
      const net = tinyNet({ config, blocks: 3, inputSize: 16 });
      const weights = randomWeights(tf, net);
      const x = crops(2, 16);
      const scores = forward(tf, net, weights, x);
      const map = denseForward(tf, net, weights, x);
      assert.deepEqual(scores.shape, [2, 4]);
      assert.deepEqual(map.shape, [2, 1, 1, 4]);
      assert.ok(relativeError(map.dataSync<'float32'>(), scores.dataSync<'float32'>()) < 1e-5);
      tf.engine().endScope();
    });
  }

  it('gives a map on a larger image that moves with the image, away from the border', () => {
    tf.tidy(() => {
      const net = tinyNet({ blocks: 2, inputSize: 8 });
      const weights = randomWeights(tf, net);
      const image = tf.tensor4d(randomArray(20 * 24 * 3, 5), [1, 20, 24, 3]);
      const mapFrom = (x: number) =>
        denseForward(tf, net, weights, tf.slice(image, [0, 0, x, 0], [1, 20, 20, 3]), 'fc7');
      const [map, moved] = [mapFrom(0), mapFrom(4)]; // 4 pixels are one position after two pools.
      assert.deepEqual(map.shape, [1, 4, 4, 16]); // 20 / 4 - 2 + 1
      const column = (m: tfjs.Tensor4D, x: number) =>
        tf.slice(m, [0, 0, x, 0], [1, 4, 1, 16]).dataSync<'float32'>();
      assert.ok(relativeError(column(moved, 1), column(map, 2)) < 1e-5);
      assert.ok(relativeError(column(moved, 1), column(map, 1)) > 1e-2);
      assert.ok(
        map.dataSync().every((x) => x >= 0),
        'fc7 is after ReLU',
      );
    });
  });

  it('has the map sides of the paper: Q / 32 - 6', () => {
    tf.tidy(() => {
      const net = tinyNet({ blocks: 5, inputSize: 224, width: 1 / 64, fullyConnected: 2, outputs: 2 });
      const weights = randomWeights(tf, net);
      for (const [q, side] of [
        [224, 1],
        [256, 2],
        [384, 6],
      ] as const) {
        assert.deepEqual(denseForward(tf, net, weights, crops(1, q)).shape, [1, side, side, 2]);
      }
    });
  }).timeout(60_000);

  it('drops the asked share of units, scales the others, and is the same for the same stream', () => {
    tf.tidy(() => {
      const net = tinyNet({ fullyConnected: 400 });
      const weights = randomWeights(tf, net);
      const x = crops(20, 8);
      const seen: number[][] = [];
      const run = (seed: number) =>
        forward(tf, net, weights, x, {
          dropout: { rate: 0.25, streams: { fc6: new Random(seed, 'a'), fc7: new Random(seed, 'b') } },
          visit: (layer, output) => layer.name === 'fc6' && seen.push([...output.dataSync()]),
        }).dataSync();
      const [first, again, other] = [run(1), run(1), run(2)];
      assert.deepEqual(first, again);
      assert.notDeepEqual(first, other);
      const plain: number[] = [];
      forward(tf, net, weights, x, {
        visit: (layer, output) => layer.name === 'fc6' && plain.push(...output.dataSync()),
      });
      const active = plain.flatMap((value, i) => (value > 0 ? [[value, seen[0]![i]!]] : []));
      const dropped = active.filter(([, value]) => value === 0).length / active.length;
      assert.ok(Math.abs(dropped - 0.25) < 4 * Math.sqrt((0.25 * 0.75) / active.length), `${dropped}`);
      for (const [before, after] of active) {
        if (after !== 0) assert.ok(Math.abs(after! / before! - 1 / 0.75) < 1e-6);
      }
    });
  });

  it('normalises responses by the formula over five channels', () => {
    tf.tidy(() => {
      const net = tinyNet({ config: 'A-LRN', blocks: 1, inputSize: 2, width: 1 / 8 });
      const weights = randomWeights(tf, net);
      let before: Float32Array = new Float32Array();
      let after: Float32Array = new Float32Array();
      const x = tf.mul<tfjs.Tensor4D>(crops(1, 2), 100);
      forward(tf, net, weights, x, {
        visit: (layer, output) => {
          if (layer.name === 'conv1_1') before = output.dataSync<'float32'>();
          if (layer.name === 'lrn1') after = output.dataSync<'float32'>();
        },
      });
      const channels = 8;
      after.forEach((value, i) => {
        const channel = i % channels;
        let sum = 0;
        for (let c = Math.max(0, channel - 2); c <= Math.min(channels - 1, channel + 2); c++) {
          sum += before[i - channel + c]! ** 2;
        }
        const formula = before[i]! / (2 + 1e-4 * sum) ** 0.75;
        assert.ok(Math.abs(value - formula) <= 1e-5 * Math.abs(formula) + 1e-6);
      });
    });
  });

  it('refuses inputs of a wrong size', () => {
    tf.tidy(() => {
      const net = tinyNet();
      const weights = randomWeights(tf, net);
      assert.throws(
        () => forward(tf, net, weights, crops(1, 12)),
        /\[batch, 8, 8, 3\] for the input of forward/,
      );
      assert.throws(() => denseForward(tf, net, weights, crops(1, 4)), /sides of at least 8 pixels/);
    });
  });
});
