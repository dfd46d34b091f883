import assert from 'node:assert/strict';
import { normalisedLayersOf, scaleOf } from '../../../src/backbone/nets/batch-norm.js';
import { weightShapes } from '../../../src/backbone/nets/architecture.js';
import { Parameters } from '../../../src/backbone/training/parameters.js';
import { cpu, randomArray, tinyNet } from '../tf.js';

describe('updates of the weights', () => {
  it('decay weights, and neither biases nor the scales of batch normalisation', async () => {
    const tf = await cpu();
    const net = tinyNet({ batchNorm: true });
    const shapes = new Map([
      ...weightShapes(net),
      ...normalisedLayersOf(net).map((layer) => [scaleOf(layer), [layer.outputs]] as const),
    ]);
    const initial = (name: string): Float32Array =>
      randomArray(
        shapes.get(name)!.reduce((size, side) => size * side, 1),
        3,
      );
    const parameters = await Parameters.create(tf, net, new Map([['fc8.weight', 2]]), initial);
    const before = new Map(
      [...parameters.weights].map(([name, tensor]) => [name, tensor.dataSync().slice()]),
    );
    const flat = new Map([...parameters.weights].map(([name, { shape }]) => [name, tf.zeros(shape)]));
    // No slope but that of decay: weight' = weight - rate * decay * weight.
    parameters.update(flat, { learningRate: 0.1, momentum: 0, weightDecay: 0.5 });
    assert.ok([...before.keys()].some((name) => name.endsWith('.bias')));
    assert.ok(before.has(scaleOf(normalisedLayersOf(net)[0]!)));
    for (const [name, tensor] of parameters.weights) {
      const left = name === 'fc8.weight' ? 0.9 : name.endsWith('.weight') ? 0.95 : 1;
      tensor.dataSync().forEach((x, i) => {
        assert.ok(
          Math.abs(x - left * before.get(name)![i]!) < 1e-6,
          `${name}: ${before.get(name)![i]} to ${x}`,
        );
      });
    }
  });
});
