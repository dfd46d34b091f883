// The compiled graph against tfjs: the same activations for every configuration, dense and with real fully-connected layers.
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Architecture, architecture, configs } from '../../../src/backbone/nets/architecture.js';
import { type Backbone, openBackbone } from '../../../src/backbone/nets/backbone.js';
import { denseActivations, loadWeights } from '../../../src/backbone/nets/dense-activations.js';
import { denseForward, forward } from '../../../src/backbone/nets/forward.js';
import { compileGraph } from '../../../src/backbone/nets/graph.js';
import { Session } from '../../../src/engine/session.js';
import { UsageError } from '../../../src/errors.js';
import { Random } from '../../../src/random.js';
import { randomBackbone, small } from '../../features/nets.js';
import { withFolder } from '../../support.js';

const randomPixels = (height: number, width: number): Uint8Array => {
  const random = new Random('pixels', height, width);
  return Uint8Array.from({ length: height * width * 3 }, () => random.below(256));
};

/** Pixels [height, width, 3] as the net's input, as the backbone file defines it. */
const normalised = ({ metadata: { input } }: Backbone, pixels: Uint8Array, height: number, width: number) => {
  const x = Float32Array.from(pixels, (_, i) => {
    const channel = i % 3;
    const source = input.order === 'rgb' ? channel : 2 - channel;
    return (pixels[i - channel + source]! * input.scale - input.mean[channel]!) / input.std[channel]!;
  });
  return tf.tensor4d(x, [1, height, width, 3]);
};

const runGraph = (
  backbone: Backbone,
  layers: readonly string[],
  flip: boolean,
  pixels: Uint8Array,
  height: number,
  width: number,
): Record<string, Float32Array> => {
  const { model, externalDataFolder, outputs } = compileGraph(backbone, { layers, flip });
  const session = Session.create(model, { threads: 1, externalDataFolder });
  try {
    const result = session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data: pixels } });
    return Object.fromEntries(layers.map((layer, i) => [layer, result[outputs[i]!]!.data as Float32Array]));
  } finally {
    session.close();
  }
};

/** Largest difference, relative to the largest number. */
const difference = (a: Float32Array, b: Float32Array): number => {
  assert.equal(a.length, b.length);
  const scale = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  assert.ok(scale > 1e-3, 'the activations are not all but zero');
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / scale;
};

const withBackbone = (
  net: Architecture,
  use: (backbone: Backbone) => Promise<void>,
  input = {},
): Promise<void> =>
  withFolder(async (folder) => use(await randomBackbone(join(folder, 'net.safetensors'), net, 3, input)));

/** Average over positions, and over a map's mirror image where given. */
const meanOverPositions = (...maps: tf.Tensor4D[]): Float32Array =>
  tf.tidy(() => tf.mean(tf.concat(maps.map((map) => tf.mean(map, [1, 2]))), 0).dataSync() as Float32Array);

/** MiB of this process that are neither files nor shared, as Linux counts them. */
const anonymousMemory = async (): Promise<number> =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(await readFile('/proc/self/status', 'utf8'))![1]) / 1024;

describe('backbone/graph', () => {
  it('leaves the weights of the fully-connected layers in the file', function () {
    if (process.platform !== 'linux') this.skip();
    const [width, fullyConnected] = [1 / 8, 1024];
    const net = architecture({ config: 'A', width, inputSize: 224, fullyConnected, outputs: 2 });
    return withBackbone(net, async (backbone) => {
      const { model, externalDataFolder } = compileGraph(backbone, { layers: ['fc7'], flip: false });
      const weights = (4 * fullyConnected * (7 * 7 * 512 * width + fullyConnected)) / 2 ** 20;
      const before = await anonymousMemory();
      const session = Session.create(model, { threads: 1, externalDataFolder });
      try {
        const grown = (await anonymousMemory()) - before;
        assert.ok(grown < weights, `${grown} MiB for ${weights} MiB of weights`);
      } finally {
        session.close();
      }
    });
  });

  it('reads weights through a link to a file in another folder', () =>
    withFolder(async (folder) => {
      const file = await randomBackbone(join(folder, 'net.safetensors'));
      const path = join(folder, 'links', 'net.safetensors');
      await mkdir(join(folder, 'links'));
      await symlink(file.path, path);
      const run = (backbone: Backbone) =>
        runGraph(backbone, ['fc7'], true, randomPixels(40, 33), 40, 33)['fc7']!;
      assert.deepEqual(run(await openBackbone(path)), run(file));
    }));

  for (const config of configs) {
    it(`gives the dense descriptor of tfjs for ${config}, to 1e-4`, () =>
      withBackbone(
        small({ config, blocks: 5, inputSize: 64, width: 1 / 16 }),
        async (backbone) => {
          const [height, width] = [71, 101];
          const pixels = randomPixels(height, width);
          const weights = await loadWeights(tf, backbone);
          const given = runGraph(backbone, ['fc6', 'fc7', 'fc8'], true, pixels, height, width);
          for (const layer of ['fc6', 'fc7', 'fc8'] as const) {
            const expected = tf.tidy(() => {
              const x = normalised(backbone, pixels, height, width);
              const dense = (input: tf.Tensor4D) =>
                denseForward(tf, backbone.metadata.architecture, weights, input, layer);
              return meanOverPositions(dense(x), dense(tf.reverse(x, 2)));
            });
            assert.ok(difference(given[layer]!, expected) < 1e-4, layer);
          }
        },
        config === 'D' ? { order: 'bgr', mean: [103.939, 116.779, 123.68] } : {},
      ));
  }

  it('equals the net with real fully-connected layers at an input of 224, layer by layer', () =>
    withBackbone(small({ config: 'D', width: 1 / 32, blocks: 5, inputSize: 224 }), async (backbone) => {
      const pixels = randomPixels(224, 224);
      const weights = await loadWeights(tf, backbone);
      const expected: Record<string, Float32Array> = {};
      tf.tidy(() => {
        forward(tf, backbone.metadata.architecture, weights, normalised(backbone, pixels, 224, 224), {
          visit: ({ name }, output) => {
            expected[name] =
              output.rank === 4
                ? meanOverPositions(output as tf.Tensor4D)
                : (output.dataSync() as Float32Array).slice();
          },
        });
      });
      const layers = Object.keys(expected);
      assert.ok(layers.includes('conv1_1') && layers.includes('fc8'));
      const given = runGraph(backbone, layers, false, pixels, 224, 224);
      for (const layer of layers) assert.ok(difference(given[layer]!, expected[layer]!) < 1e-4, layer);
    }));

  it('gives layers before ReLU, the last of a block, and posteriors', () =>
    withBackbone(small(), async (backbone) => {
      const [height, width] = [64, 96];
      const pixels = randomPixels(height, width);
      const weights = await loadWeights(tf, backbone);
      const net = backbone.metadata.architecture;
      const layers = ['fc7', 'fc7:linear', 'conv4', 'conv4_2', 'fc8', 'fc8:posterior', 'fc8:softmax'];
      const given = runGraph(backbone, layers, false, pixels, height, width);
      assert.deepEqual(given['conv4'], given['conv4_2']);
      assert.ok(
        given['fc7:linear']!.some((x) => x < 0),
        'some are negative before ReLU',
      );
      const scores = tf.tidy(() =>
        tf.reshape(denseForward(tf, net, weights, normalised(backbone, pixels, height, width)), [
          -1,
          net.outputs,
        ]),
      );
      const [posterior, softmax] = tf.tidy(() => [
        tf.softmax(tf.mean(scores, 0)).dataSync() as Float32Array,
        tf.mean(tf.softmax(scores), 0).dataSync() as Float32Array,
      ]);
      assert.ok(difference(given['fc8:posterior']!, posterior) < 1e-4);
      assert.ok(difference(given['fc8:softmax']!, softmax) < 1e-4);
      const apart = difference(given['fc8:softmax']!, given['fc8:posterior']!);
      assert.ok(apart > 2e-4, `the order matters: ${apart}`);
    }));

  it('is what the dense net in tfjs gives, layer by layer, for engines that are no ONNX Runtime', () =>
    withBackbone(small({ config: 'A-LRN' }), async (backbone) => {
      const [height, width] = [40, 56];
      const data = randomPixels(height, width);
      const layers = ['fc7', 'fc6:linear', 'conv3', 'pool2', 'lrn1', 'fc8:posterior', 'fc8:softmax', 'fc8'];
      const given = runGraph(backbone, layers, true, data, height, width);
      const weights = await loadWeights(tf, backbone);
      const before = tf.memory().numTensors;
      const vectors = denseActivations(
        tf,
        backbone,
        weights,
        { data, height, width },
        { layers, flip: true },
      );
      assert.equal(tf.memory().numTensors, before, 'no tensor is left behind');
      layers.forEach((layer, i) => assert.ok(difference(vectors[i]!, given[layer]!) < 1e-4, layer));
    }));

  it('refuses layers that the net does not have, and says which there are', () =>
    withBackbone(small(), async (backbone) => {
      const compile = (layer: string) => () => compileGraph(backbone, { layers: [layer], flip: true });
      assert.throws(compile('conv5'), (error: Error) => {
        return error instanceof UsageError && /It has conv1_1, pool1, .*fc8\./.test(error.message);
      });
      assert.throws(compile('pool1:linear'), /Expected one of pool1 for layer/);
      assert.throws(compile('fc8:linear'), /Expected one of fc8, fc8:posterior, fc8:softmax for layer/);
      await Promise.resolve();
    }));
});
