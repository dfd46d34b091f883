// The gradients of whole nets with batch normalisation: on ONNX Runtime, where it is computed together with ReLU and pooling, against
// tfjs-cpu.
import assert from 'node:assert/strict';
import { registerOnnxRuntimeBackend } from '../../../src/engine/onnxruntime/register.js';
import { initialWeights } from '../../../src/backbone/nets/initialisation.js';
import { tensorsOf } from '../../../src/backbone/nets/layout.js';
import { Model } from '../../../src/backbone/training/model.js';
import { cpu, randomArray, tinyNet } from '../tf.js';

describe('batch normalisation in whole nets', () => {
  for (const config of ['A', 'A-LRN', 'C'] as const)
    it(`${config} has the same loss, gradients and running moments on tfjs-cpu and on ONNX Runtime`, async () => {
      const tf = await cpu();
      registerOnnxRuntimeBackend(2);
      const net = tinyNet({ config, width: 1 / 4, blocks: 3, inputSize: 16, outputs: 10, batchNorm: true });
      const layers = new Map(tensorsOf(net).map((entry) => [entry.name, entry]));
      const initial = (name: string): Float32Array => {
        const entry = layers.get(name);
        // A scale for each channel of the layer of this bias.
        if (!entry) return randomArray(layers.get(name.replace('gamma', 'bias'))!.layer.outputs, 5);
        return entry.bias
          ? randomArray(entry.layer.outputs, name.length)
          : initialWeights(entry.layer, 'he', 2);
      };
      const targets = [0, 4, 9, 2].map((label) => ({ label }));
      const pixels = randomArray(targets.length * 16 * 16 * 3, 1);
      const numbers = async (backend: string): Promise<Map<string, Float32Array>> => {
        await tf.setBackend(backend);
        const model = await Model.create(
          tf,
          net,
          { classes: 10, superclasses: 0, superclassLoss: 0 },
          new Map(),
          initial,
        );
        const { loss, gradients } = model.gradients(pixels, targets, targets.length, undefined);
        const found = new Map([...gradients].map(([name, g]) => [name, g.dataSync<'float32'>()]));
        found.set('loss', Float32Array.of(loss));
        await model.reading(async (read) => found.set('folded', await read('conv2_1.weight')));
        tf.dispose([...gradients.values()]);
        model.dispose();
        return found;
      };
      const [wanted, found] = [await numbers('cpu'), await numbers('onnxruntime')];
      await tf.setBackend('cpu');
      for (const [name, expected] of wanted) {
        const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        assert.ok(largest > 0, name);
        expected.forEach((x, i) =>
          assert.ok(Math.abs(found.get(name)![i]! - x) <= 1e-5 * largest, `${name} ${i}`),
        );
      }
    });
});
