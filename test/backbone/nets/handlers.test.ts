// Every net of the table by every handler of its layers: training's and dense passes, graphs, int8, exports, imports.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { calibrate, quantisedActivations } from '../../../src/backbone/int8/calibration.js';
import { exportInt8Onnx } from '../../../src/backbone/int8/export.js';
import { compileInt8Graph } from '../../../src/backbone/int8/graph.js';
import { writeQuantised } from '../../../src/backbone/int8/quantise.js';
import { int8Support } from '../../../src/backbone/int8/vnni.js';
import { type Config, architecture, configs, layersOf } from '../../../src/backbone/nets/architecture.js';
import { type Backbone, openBackbone } from '../../../src/backbone/nets/backbone.js';
import { denseActivations, loadWeights } from '../../../src/backbone/nets/dense-activations.js';
import { type Tf, denseForward, forward } from '../../../src/backbone/nets/forward.js';
import { type CompiledGraph, compileGraph } from '../../../src/backbone/nets/graph.js';
import { exportWeights } from '../../../src/backbone/weights/exporters/export.js';
import { importWeights } from '../../../src/backbone/weights/importers/import.js';
import { Session } from '../../../src/engine/session.js';
import type { RgbImage } from '../../../src/images/image.js';
import { Random } from '../../../src/random.js';
import { randomBackbone, small } from '../../features/nets.js';
import { withFolder } from '../../support.js';
import { cpu } from '../tf.js';

/** Whether a net has local response normalisation. */
const normalisesResponses = (config: Config): boolean =>
  layersOf(architecture({ config })).some(({ kind }) => kind === 'lrn');

/** Not square, and larger than the net's input: the map that enters fc6 has several positions. */
const image = ((): RgbImage => {
  const [width, height] = [72, 56];
  const random = new Random('image');
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.below(256)) };
})();

/** The upper left square of the image, as large as the net's input. */
const cropOf = (side: number): RgbImage => {
  const rows = Array.from({ length: side }, (_, y) =>
    Array.from(image.data.subarray(y * image.width * 3, (y * image.width + side) * 3)),
  );
  return { width: side, height: side, data: Uint8Array.from(rows.flat()) };
};

const run = (
  { model, externalDataFolder, outputs }: Pick<CompiledGraph, 'model' | 'externalDataFolder' | 'outputs'>,
  { width, height, data }: RgbImage = image,
): Float32Array[] => {
  const session = Session.create(model, { threads: 1, externalDataFolder });
  try {
    const values = session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data } });
    return outputs.map((name) => values[name]!.data as Float32Array);
  } finally {
    session.close();
  }
};

/** Asserts that no number differs by more than `tolerance` times the largest. */
const agree = (
  given: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
  what: string,
): void => {
  equal(given.length, wanted.length, what);
  const largest = Math.max(...Array.from(wanted, Math.abs));
  ok(largest > 1e-3, `${what}: the numbers are all but zero`);
  const most = Math.max(...Array.from(wanted, (x, i) => Math.abs(given[i]! - x)));
  ok(most <= tolerance * largest, `${what}: ${most} of ${largest}`);
};

const cosine = (a: Float32Array, b: Float32Array): number => {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** Pixels as the net's input [1, height, width, 3]. */
const inputOf = (tf: Tf, { metadata }: Backbone, { data, width, height }: RgbImage): tfjs.Tensor4D => {
  const { scale, mean, std } = metadata.input; // In red, green, blue here.
  const x = Float32Array.from(data, (pixel, i) => (pixel * scale - mean[i % 3]!) / std[i % 3]!);
  return tf.tensor4d(x, [1, height, width, 3]);
};

describe('every net by every handler of its layers', () => {
  let tf: Tf;
  before(async () => {
    tf = await cpu();
  });

  for (const config of configs) {
    const withNet = (use: (backbone: Backbone, folder: string) => Promise<void>): Promise<void> =>
      withFolder(async (folder) =>
        use(await randomBackbone(join(folder, 'net.safetensors'), small({ config }), 11), folder),
      );

    it(`${config}: the passes in tfjs and the ONNX graph agree on every layer`, () =>
      withNet(async (backbone) => {
        const net = backbone.metadata.architecture;
        const weights = await loadWeights(tf, backbone);
        const layers = [...layersOf(net).map(({ name }) => name), 'fc6:linear', 'fc7:linear', 'conv1:linear'];
        const graph = compileGraph(backbone, { layers, flip: true });
        const dense = denseActivations(tf, backbone, weights, image, { layers, flip: true });
        run(graph).forEach((vector, i) => agree(vector, dense[i]!, 1e-4, `dense ${layers[i]}`));

        // On a crop of the input's size, with matrix products, layer by layer.
        const crop = cropOf(net.inputSize);
        const visited = new Map<string, Float32Array>();
        tf.tidy(() => {
          const x = inputOf(tf, backbone, crop);
          const scores = forward(tf, net, weights, x, {
            visit: ({ name }, output) => {
              const mean = output.rank === 4 ? tf.mean(output, [0, 1, 2]) : output;
              visited.set(name, Float32Array.from(mean.dataSync()));
            },
          });
          agree(denseForward(tf, net, weights, x).dataSync(), scores.dataSync(), 1e-4, 'denseForward');
        });
        const names = layersOf(net).map(({ name }) => name);
        deepEqual([...visited.keys()], names);
        run(compileGraph(backbone, { layers: names, flip: false }), crop).forEach((vector, i) =>
          agree(vector, visited.get(names[i]!)!, 1e-4, `crop ${names[i]}`),
        );
        tf.dispose([...weights.values()]);
      }));

    it(`${config}: gradients reach every weight`, () =>
      withNet(async (backbone) => {
        const net = backbone.metadata.architecture;
        const weights = await loadWeights(tf, backbone);
        const names = [...weights.keys()];
        const x = inputOf(tf, backbone, cropOf(net.inputSize));
        const gradients = tf.grads((...tensors: tfjs.Tensor[]) =>
          tf.sum(tf.square(forward(tf, net, new Map(names.map((name, i) => [name, tensors[i]!])), x))),
        )([...weights.values()]);
        for (const [i, gradient] of gradients.entries()) {
          deepEqual(gradient.shape, weights.get(names[i]!)!.shape);
          ok(
            gradient.dataSync().some((value) => value !== 0),
            names[i],
          );
        }
        tf.dispose([x, ...gradients, ...weights.values()]);
      }));

    it(`${config}: int8 is close to float32 in every layer it has, and its export is the same`, () =>
      withNet(async (backbone, folder) => {
        const net = backbone.metadata.architecture;
        const ranges = calibrate(backbone, [image, cropOf(net.inputSize)], 1);
        deepEqual(
          Object.keys(ranges),
          quantisedActivations(backbone).map(({ layer }) => layer),
        );
        const [bits, path] = [int8Support().bits, join(folder, 'quantised.safetensors')];
        const source = await backbone.sha256();
        await writeQuantised(path, backbone, { format: 1, source, bits, ranges, calibration: 'test' });
        const layers = [
          ...layersOf(net).map(({ name }) => name),
          'fc7:linear',
          'fc8:posterior',
          'fc8:softmax',
        ];
        const int8 = run(await compileInt8Graph(path, backbone, { layers, flip: true }));
        run(compileGraph(backbone, { layers, flip: true })).forEach((vector, i) => {
          const similar = cosine(int8[i]!, vector);
          ok(similar > 0.99, `${layers[i]} ${similar}`);
        });
        const out = join(folder, 'int8.onnx');
        await exportInt8Onnx(backbone, path, out);
        const exported = run({
          model: await readFile(out),
          externalDataFolder: folder,
          outputs: ['fc7', 'scores'],
        });
        const wanted = run(await compileInt8Graph(path, backbone, { layers: ['fc7', 'fc8'], flip: false }));
        exported.forEach((vector, i) => agree(vector, wanted[i]!, 1e-5, `export ${i}`));
      }));

    for (const format of ['onnx', 'onnx-external', 'torchvision', 'tfjs'] as const) {
      const expressible = format.startsWith('onnx') || !normalisesResponses(config);
      it(`${config}: ${format} ${expressible ? 'is recognised and imported again, number by number' : 'cannot be had'}`, () =>
        withNet(async (backbone, folder) => {
          const out = join(folder, format);
          if (!expressible) return rejects(exportWeights(backbone.path, format, out), /normalisation/);
          const [written] = await exportWeights(backbone.path, format, out);
          const again = join(folder, 'again.safetensors');
          const { architecture } = await importWeights(written!, again);
          deepEqual(architecture, backbone.metadata.architecture);
          const imported = await openBackbone(again);
          for (const name of backbone.tensors.keys())
            deepEqual(await imported.read(name), await backbone.read(name), name);
          return undefined;
        }));
    }

    it(`${config}: ONNX Runtime and tfjs-layers give the exports' scores`, () =>
      withNet(async (backbone, folder) => {
        const crop = cropOf(backbone.metadata.architecture.inputSize);
        const [fc7, scores] = run(compileGraph(backbone, { layers: ['fc7', 'fc8'], flip: false }), crop);
        const x = inputOf(tf, backbone, crop);
        const [onnx] = await exportWeights(backbone.path, 'onnx', join(folder, 'x.onnx'));
        const session = Session.create(await readFile(onnx!), { threads: 1 });
        const data = Float32Array.from(tf.transpose(x, [0, 3, 1, 2]).dataSync());
        const given = session.run({
          input: { type: 'float32', dims: [1, 3, crop.height, crop.width], data },
        });
        session.close();
        agree(given['fc7']!.data as Float32Array, fc7!, 1e-4, 'fc7');
        agree(given['scores']!.data as Float32Array, scores!, 1e-4, 'scores');
        if (normalisesResponses(config)) return;
        const { loadLayersModel } = await import('@tensorflow/tfjs-layers');
        const [json] = await exportWeights(backbone.path, 'tfjs', join(folder, 'tfjs'));
        const { modelTopology, weightsManifest } = JSON.parse(await readFile(json!, 'utf8')) as {
          modelTopology: object;
          weightsManifest: [{ paths: string[]; weights: [] }];
        };
        const [{ paths, weights: weightSpecs }] = weightsManifest;
        const shards = await Promise.all(paths.map((path) => readFile(join(folder, 'tfjs', path))));
        const weightData = Uint8Array.from(Buffer.concat(shards)).buffer;
        const model = await loadLayersModel({
          load: () => Promise.resolve({ modelTopology, weightSpecs, weightData }),
        });
        const predicted = model.predict(x) as tfjs.Tensor;
        agree(predicted.dataSync(), scores!, 1e-4, 'tfjs');
        model.dispose();
      }));
  }
});
