// Exports: what is written comes back unchanged, and ONNX and TensorFlow.js give the backbone's own numbers.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hfround } from '@petamoriken/float16';
import { architecture, weightShapes } from '../../../../src/backbone/nets/architecture.js';
import { type BackboneMetadata, openBackbone, saveBackbone } from '../../../../src/backbone/nets/backbone.js';
import { exportWeights } from '../../../../src/backbone/weights/exporters/export.js';
import { type ExportFormat, exportFormats } from '../../../../src/backbone/weights/options.js';
import { torchvisionNames } from '../../../../src/backbone/weights/exporters/torchvision.js';
import { importWeights } from '../../../../src/backbone/weights/importers/import.js';
import { Session } from '../../../../src/engine/session.js';
import { Random } from '../../../../src/random.js';
import { withFolder } from '../../../support.js';
import { describeImages, weightFile } from '../importers/support.js';
import { decode } from '../../../../src/images/decode.js';
import { sizeFromShape } from '../../../../src/shape.js';

/** An image of the fixtures as the net's input: [1, 3, 64, 64], normalised. */
const inputOf = async ({ input }: BackboneMetadata, n: number): Promise<Float32Array> => {
  const path = weightFile(`images/${n}.png`);
  const { data } = await decode(await readFile(path), path);
  const planes = input.order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  return Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => {
    const c = Math.floor(i / 4096);
    return (data[(i % 4096) * 3 + planes[c]!]! * input.scale - input.mean[c]!) / input.std[c]!;
  });
};

const close = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  const scale = Math.max(...Array.from(b, Math.abs));
  return a.length === b.length && Array.from(a).every((x, i) => Math.abs(x - b[i]!) < 1e-4 * scale);
};

const placeOf = (folder: string, format: ExportFormat) =>
  join(folder, format === 'tfjs' ? 'tfjs' : `x.${format}`);

describe('exporting weights', () => {
  for (const format of exportFormats) {
    it(`${format}: imported again, every number, preprocessing and class name is as before`, () =>
      withFolder(async (folder) => {
        const [first, again] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
        const classes = Array.from({ length: 10 }, (_, i) => `class ${i}`);
        const before = await importWeights(weightFile('caffe-v2-c.caffemodel'), first, { classes });
        const [out] = await exportWeights(first, format, placeOf(folder, format));
        const after = await importWeights(out!, again);
        deepEqual(after.architecture, before.architecture);
        deepEqual(after.input, before.input);
        deepEqual(after.classes, classes);
        const [a, b] = [await openBackbone(first), await openBackbone(again)];
        const stored = format === 'float16' ? (value: number) => hfround(value) : (value: number) => value;
        for (const name of a.tensors.keys())
          deepEqual(await b.read(name), (await a.read(name)).map(stored), name);
      }));
  }

  for (const format of ['onnx', 'onnx-external'] as const) {
    it(`${format}: ONNX Runtime gives fc7 and scores of the dense net`, () =>
      withFolder(async (folder) => {
        const first = join(folder, 'a.safetensors');
        await importWeights(weightFile('keras-vgg16.h5'), first);
        const backbone = await openBackbone(first);
        const wanted = await describeImages(backbone, ['fc7', 'fc8']);
        const [out] = await exportWeights(first, format, join(folder, 'x.onnx'));
        const session = Session.create(await readFile(out!), { threads: 1, externalDataFolder: folder });
        try {
          for (const n of [1, 2, 3]) {
            const data = await inputOf(backbone.metadata, n);
            const { fc7, scores } = session.run({ input: { type: 'float32', dims: [1, 3, 64, 64], data } });
            ok(close(fc7!.data as Float32Array, wanted['fc7']![n - 1]!));
            ok(close(scores!.data as Float32Array, wanted['fc8']![n - 1]!));
          }
        } finally {
          session.close();
        }
      }));
  }

  it('tfjs: tf.loadLayersModel opens it and gives the scores', () =>
    withFolder(async (folder) => {
      const tf = await import('@tensorflow/tfjs-core');
      await import('@tensorflow/tfjs-backend-cpu');
      const layers = await import('@tensorflow/tfjs-layers');
      await tf.setBackend('cpu');
      const first = join(folder, 'a.safetensors');
      await importWeights(weightFile('torch-vgg16.pth'), first);
      const backbone = await openBackbone(first);
      const wanted = await describeImages(backbone, ['fc8']);
      const [json] = await exportWeights(first, 'tfjs', join(folder, 'model'));
      const document = JSON.parse(await readFile(json!, 'utf8')) as {
        modelTopology: object;
        weightsManifest: { paths: string[]; weights: [] }[];
      };
      const [group] = document.weightsManifest;
      const shards = await Promise.all(group!.paths.map((path) => readFile(join(folder, 'model', path))));
      const bytes = Buffer.concat(shards);
      const model = await layers.loadLayersModel({
        load: () =>
          Promise.resolve({
            modelTopology: document.modelTopology,
            weightSpecs: group!.weights,
            weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
          }),
      });
      const data = await inputOf(backbone.metadata, 1);
      const x = tf.transpose(tf.tensor4d(data, [1, 3, 64, 64]), [0, 2, 3, 1]);
      const scores = model.predict(x) as ReturnType<typeof tf.tensor>;
      ok(close(await scores.data(), wanted['fc8']![0]!));
      tf.dispose([x, scores]);
      model.dispose();
    }));

  it('names layers as torchvision does', () => {
    deepEqual(
      [...torchvisionNames(architecture({ config: 'D' })).values()],
      [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
        .map((n) => `features.${n}`)
        .concat(['classifier.0', 'classifier.3', 'classifier.6']),
    );
    equal(torchvisionNames(architecture({ config: 'E' })).get('conv5_4'), 'features.34');
  });

  it('exports A-LRN to ONNX only', () =>
    withFolder(async (folder) => {
      const net = architecture({
        config: 'A-LRN',
        width: 1 / 32,
        inputSize: 64,
        fullyConnected: 8,
        outputs: 4,
      });
      const first = join(folder, 'a.safetensors');
      const input = { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
      const random = new Random('A-LRN');
      await saveBackbone(first, { format: 1, architecture: net, input, classes: [] }, (_, shape) =>
        Float32Array.from({ length: sizeFromShape(shape) }, () => random.normal() / 10),
      );
      equal(weightShapes(net).size, 22);
      for (const format of ['torchvision', 'tfjs'] as const) {
        await rejects(exportWeights(first, format, join(folder, 'y')), /received A-LRN.*Export it as onnx/);
      }
      deepEqual((await readdir(folder)).sort(), ['a.safetensors']);
      await exportWeights(first, 'onnx', join(folder, 'x.onnx'));
      const again = await importWeights(join(folder, 'x.onnx'), join(folder, 'b'));
      equal(again.architecture.config, 'A-LRN');
      const session = Session.create(await readFile(join(folder, 'x.onnx')), { threads: 1 });
      try {
        const data = await inputOf(again, 1);
        const { fc7 } = session.run({ input: { type: 'float32', dims: [1, 3, 64, 64], data } });
        const wanted = await describeImages(await openBackbone(first), ['fc7']);
        ok(close(fc7!.data as Float32Array, wanted['fc7']![0]!));
      } finally {
        session.close();
      }
    }));
});
