// Every format: the net is recognised, and descriptor and scores of three images equal the original library's.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBackbone } from '../../../../src/backbone/nets/backbone.js';
import { exportWeights } from '../../../../src/backbone/weights/exporters/export.js';
import { importWeights } from '../../../../src/backbone/weights/importers/import.js';
import { inputPresets } from '../../../../src/backbone/weights/importers/source.js';
import { randomBackbone, small } from '../../../features/nets.js';
import { withFolder } from '../../../support.js';
import { describeImages, fixtures, relativeError, weightFile } from './support.js';

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const formatOf = (file: string): string => file.split(/[-.]/)[0]!;

describe('importing weights', () => {
  it('has fixtures of every format', () => {
    deepEqual([...new Set(fixtures.map(({ file }) => formatOf(file)))].sort(), [
      'caffe',
      'keras',
      'matconvnet',
      'onnx',
      'tfjs',
      'timm',
      'torch',
      'torchvision',
    ]);
  });

  for (const { file, config, library, output, key, left, fc7, scores } of fixtures) {
    it(`${file} gives the descriptors and scores of ${library}`, () =>
      withFolder(async (folder) => {
        const out = join(folder, 'x.safetensors');
        const metadata = await importWeights(weightFile(file), out, { key });
        const { architecture: net } = metadata;
        equal(net.config, config);
        equal(net.width, 1 / 32);
        equal(net.blocks, 5);
        const backbone = await openBackbone(out);
        deepEqual(backbone.metadata, JSON.parse(JSON.stringify(metadata)));
        if (output === 'pool5') {
          equal(net.fullyConnected, 0);
          const pooled = scores.map((map) =>
            Array.from({ length: 16 }, (_, c) => mean(map.slice(4 * c, 4 * c + 4))),
          );
          const received = await describeImages(backbone, ['pool5']);
          ok(relativeError(received['pool5']!, pooled) < 1e-4);
          await rejects(describeImages(backbone, ['fc7']), /a layer of a net D for layer but received "fc7"/);
          return;
        }
        equal(net.inputSize, 64);
        const received = await describeImages(backbone, left ? ['fc7'] : ['fc7', 'fc8']);
        ok(relativeError(received['fc7']!, fc7!) < 1e-4, `fc7 ${relativeError(received['fc7']!, fc7!)}`);
        if (left) {
          deepEqual(metadata.source?.['leftOut'], left);
          await rejects(describeImages(backbone, ['fc8']), /"fc8". It has .*, fc6, fc7\./);
        } else {
          const error = relativeError(received['fc8']!, scores);
          ok(error < 1e-4, `scores ${error}`);
        }
        ok(relativeError([received['fc7']![0]!], [fc7![1]!]) > 1e-2, 'images must be told apart');
      }));
  }

  it('tells the preprocessing by the format', () =>
    withFolder(async (folder) => {
      const inputOf = async (file: string) =>
        (await importWeights(weightFile(file), join(folder, 'x.safetensors'), { force: true })).input;
      deepEqual(await inputOf('caffe-v1-vgg16.caffemodel'), inputPresets.oxford);
      deepEqual(await inputOf('keras-vgg16.h5'), inputPresets.oxford);
      deepEqual(await inputOf('torch-vgg16.pth'), inputPresets.torchvision);
      deepEqual(await inputOf('onnx-zoo-vgg16-7.onnx'), inputPresets.torchvision);
      const { order, scale, mean: average, interpolation } = await inputOf('matconvnet-vgg11-old.mat');
      equal(interpolation, 'cubic');
      deepEqual([order, scale], ['rgb', 1]);
      ok(Math.abs(average[0]! - 123.68) < 1e-4 && Math.abs(average[2]! - 103.939) < 1e-4);
    }));

  it('goes by content, not by name', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'weights.jpg');
      await copyFile(weightFile('caffe-v2-c.caffemodel'), path);
      equal((await importWeights(path, join(folder, 'x'))).architecture.config, 'C');
    }));

  it('takes class names from the file, from the caller, or none', () =>
    withFolder(async (folder) => {
      const out = join(folder, 'x.safetensors');
      const names = Array.from({ length: 10 }, (_, i) => `class ${i}`);
      const inFile = await importWeights(weightFile('matconvnet-vgg16.mat'), out);
      equal(inFile.classes[9], 'n00000009');
      const force = true;
      deepEqual((await importWeights(weightFile('torch-vgg16.pth'), out, { force })).classes, []);
      const own = await importWeights(weightFile('torch-vgg16.pth'), out, { classes: names, force });
      deepEqual(own.classes, names);
      await rejects(
        importWeights(weightFile('torch-vgg16.pth'), out, { classes: ['one'] }),
        /10 class names.*classes but received 1/,
      );
    }));

  it('takes the order of published nets for 1000 outputs: sorted WordNet ids', () =>
    withFolder(async (folder) => {
      const [net, published, out] = ['net', 'published', 'out'].map((name) => join(folder, name));
      for (const outputs of [1000, 999]) {
        await randomBackbone(net!, small({ blocks: 5, outputs }));
        await exportWeights(net!, 'torchvision', published!, { force: true });
        const { classes } = await importWeights(published!, out!, { force: true });
        equal(classes.length, outputs === 1000 ? 1000 : 0);
        if (outputs !== 1000) continue;
        deepEqual([...new Set(classes)].sort(), classes);
        // As every list of the 1000 classes has them: tench, golden retriever, tabby, sports car, toilet tissue.
        for (const [index, id] of [
          [0, 'n01440764'],
          [207, 'n02099601'],
          [281, 'n02123045'],
          [817, 'n04285008'],
          [999, 'n15075141'],
        ] as const)
          equal(classes[index], id);
      }
    }));

  it('copies a backbone of its own unchanged, and writes the same bytes twice', () =>
    withFolder(async (folder) => {
      const [first, second] = [join(folder, 'a'), join(folder, 'b')];
      await importWeights(weightFile('torch-vgg11-bn.pth'), first);
      await importWeights(first, second);
      deepEqual(await readFile(second), await readFile(first));
    }));

  it('leaves no file behind when it fails', () =>
    withFolder(async (folder) => {
      const [path, out] = [join(folder, 'cut.caffemodel'), join(folder, 'x')];
      const bytes = await readFile(weightFile('caffe-v2-c.caffemodel'));
      await writeFile(path, bytes.subarray(0, bytes.length - 100));
      await rejects(importWeights(path, out), /cut\.caffemodel is damaged or cut short/);
      await rejects(readFile(out), /ENOENT/);
    }));
});
