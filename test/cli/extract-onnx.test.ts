// `verydeep extract --onnx` on a net whose output is known by hand: the mean of each channel.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { GraphBuilder } from '../../src/engine/onnx.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { verydeepHere, withFolder } from '../support.js';

/** Means over positions of an input with free sides, and a second output: the input itself. */
const means = (): Uint8Array => {
  const graph = new GraphBuilder();
  const x = graph.input('image', 'float32', ['batch', 3, 'height', 'width']);
  graph.output(graph.node('ReduceMean', [x, graph.ints(2, 3)], { keepdims: 0 }, { name: 'means' }), 'float32', ['batch', 3]); // prettier-ignore
  graph.output(graph.node('Identity', [x], {}, { name: 'map' }), 'float32', ['batch', 3, 'height', 'width']);
  return graph.model();
};

/** No image input. */
const words = (): Uint8Array => {
  const graph = new GraphBuilder();
  const x = graph.input('tokens', 'int64', ['batch', 'length']);
  graph.output(graph.node('Identity', [x], {}, { name: 'y' }), 'int64', ['batch', 'length']);
  return graph.model();
};

describe('verydeep extract --onnx', () => {
  const withNet = (use: (folder: string, args: (...more: string[]) => string[]) => Promise<void>) =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'photos', 'a'), { recursive: true });
      // Left half black, right half of one colour.
      const data = Uint8Array.from({ length: 8 * 4 * 3 }, (_, i) =>
        i % 24 < 12 ? 0 : [51, 102, 255][i % 3]!,
      );
      await sharp(data, { raw: { width: 8, height: 4, channels: 3 } })
        .png()
        .toFile(join(folder, 'photos', 'a', '1.png'));
      await writeFile(join(folder, 'net.onnx'), means());
      await writeFile(join(folder, 'words.onnx'), words());
      const config = {
        size: { shortest_edge: 4 },
        image_mean: [0, 0, 0.5],
        image_std: [1, 0.5, 1],
        resample: 2,
      };
      await writeFile(join(folder, 'config.json'), JSON.stringify(config));
      await use(folder, (...more) => [
        ...[
          'extract',
          'folder',
          '--data',
          join(folder, 'photos'),
          '--preprocess',
          join(folder, 'config.json'),
        ],
        ...['--out', join(folder, 'out'), '--threads', '1', '--descriptor-norm', 'none', ...more],
      ]);
    });

  it('normalises as the file says, pools, and averages the mirrored image in', () =>
    withNet(async (folder, args) => {
      const net = ['--onnx', join(folder, 'net.onnx')];
      const run = await verydeepHere(...args(...net, '--layer', 'means,map', '--pooling', 'max', '--json'));
      assert.equal(run.code, 0, run.stderr);
      const store = await openFeatures([join(folder, 'out')]);
      const near = (actual: Float32Array, wanted: number[]) =>
        wanted.forEach((x, i) =>
          assert.ok(Math.abs(actual[i]! - x) < 1e-6, `${[...actual].join()} ${wanted.join()}`),
        );
      near((await store.read('means')).data, [0.1, 0.4, 0]);
      near((await store.read('map')).data, [0.2, 0.8, 0.5]);
      assert.deepEqual(store.nets[0]!.config, 'net.onnx');
      const first = await verydeepHere(
        ...args(...net, '--layer', 'map', '--pooling', 'first', '--no-flip', '--force'),
      );
      assert.equal(first.code, 0, first.stderr);
      near((await (await openFeatures([join(folder, 'out')])).read('map')).data, [0, 0, -0.5]);
    }));

  it('refuses what does not fit with one line, and writes nothing', () =>
    withNet(async (folder, args) => {
      const net = ['--onnx', join(folder, 'net.onnx')];
      for (const [more, wanted] of [
        [net, /has several outputs: means float32 .*; map float32 .*Name one with --layer/],
        [['--onnx', join(folder, 'words.onnx')], /Expected one image input of three channels.*tokens int64/],
        [
          ['--onnx', join(folder, 'config.json')],
          /ONNX Runtime cannot load the model .*config\.json given for --onnx/,
        ],
        [
          ['--onnx', join(folder, 'none.onnx')],
          /Cannot open the ONNX model .*none\.onnx given for --onnx: there is no such file/,
        ],
        [[...net, '--backbone', 'x'], /Expected either for --backbone or --onnx but received "both"/],
        [[...net, '--layer', 'means', '--precision', 'int8'], /--precision int8 is for the paper's nets/],
        [
          [...net, '--layer', 'means', '--engine', 'torch'],
          /--onnx needs ONNX Runtime: leave out --engine torch/,
        ],
        [[], /Expected an ONNX model for --onnx but received nothing. --preprocess is of one/],
      ] as const) {
        const { code, stderr } = await verydeepHere(...args(...more));
        assert.equal(code, 2, stderr);
        assert.match(stderr, wanted);
        assert.equal(stderr.trim().split('\n').length, 1, stderr);
      }
      assert.ok(!existsSync(join(folder, 'out')));
    }));
});
