// `verydeep weights` as a user calls it.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishedWeightsNamed } from '../../src/backbone/weights/published.js';
import { sha256 } from '../../src/io/files.js';
import { randomBackbone, small } from '../features/nets.js';
import { fixture, verydeep, verydeepHere, withFolder } from '../support.js';

const caffe = fixture('weights', 'caffe-v1-vgg16.caffemodel');

describe('verydeep weights', () => {
  it('imports, tells of, and exports a net', () =>
    withFolder(async (folder) => {
      const [out, names] = [join(folder, 'x.safetensors'), join(folder, 'names.txt')];
      await writeFile(names, Array.from({ length: 10 }, (_, i) => `class ${i}\n`).join(''));
      const imported = await verydeep([
        'weights',
        'import',
        caffe,
        '--out',
        out,
        '--classes',
        names,
        '--json',
      ]);
      equal(imported.code, 0, imported.stderr);
      const document = JSON.parse(imported.stdout) as { sha256: string; architecture: { config: string } };
      equal(document.architecture.config, 'D');
      equal(document.sha256, sha256(await readFile(out)));
      const info = await verydeep(['weights', 'info', out]);
      match(info.stdout, /config D, width 0\.03125/);
      match(info.stdout, /blue, green, red, 0 to 255, less 103\.939, 116\.779, 123\.68/);
      match(info.stdout, /class 0, class 1/);
      ok(info.stdout.includes(document.sha256));
      const onnx = join(folder, 'x.onnx');
      const exported = await verydeep([
        'weights',
        'export',
        out,
        '--format',
        'onnx',
        '--out',
        onnx,
        '--json',
      ]);
      deepEqual(JSON.parse(exported.stdout), { format: 'onnx', written: [onnx] });
      ok((await stat(onnx)).size > 50_000);
    }));

  it('exports a net in 8 bits, calibrated on a folder of images', () =>
    withFolder(async (folder) => {
      const [net, out] = [join(folder, 'net.safetensors'), join(folder, 'int8.onnx')];
      await randomBackbone(net, small({ width: 1 / 8 }), 5);
      const images = fixture('weights', 'images');
      const { code, stdout, stderr } = await verydeep([
        ...['weights', 'export', net, '--format', 'onnx-external', '--out', out],
        ...['--precision', 'int8', '--calibration', images, '--bits', '7', '--threads', '1', '--json'],
      ]);
      equal(code, 0, stderr);
      const document = JSON.parse(stdout) as {
        written: string[];
        precision: string;
        bits: number;
        accepted: boolean;
        fidelity: { images: number; leastCosine: number };
      };
      deepEqual(document.written, [out, `${out}.data`]);
      deepEqual([document.precision, document.bits, document.accepted], ['int8', 7, true]);
      equal(document.fidelity.images, 1);
      ok(document.fidelity.leastCosine > 0.995);
      // A quarter of the float32 file, and the model beside it.
      ok((await stat(`${out}.data`)).size < 0.3 * (await stat(net)).size);
      const again = await verydeep(['weights', 'import', out, '--out', join(folder, 'x')]);
      equal(again.code, 2);
      match(again.stderr, /int8\.onnx.*QLinearConv/);
    })).timeout(60_000);

  it('names file and fault, with exit code 2', () =>
    withFolder(async (folder) => {
      const bad = join(folder, 'notes.pth');
      await writeFile(bad, 'these are notes');
      const out = ['--out', join(folder, 'x')];
      const int8 = ['export', caffe, '--precision', 'int8'];
      const cases: [string[], RegExp][] = [
        [['import', bad, ...out], /notes\.pth.*first bytes/],
        [['import', join(folder, 'none'), ...out], /Cannot open the weight file .*none/],
        [['import', caffe, ...out, '--input', 'gray'], /oxford, torchvision.*--input but received "gray"/],
        [['import', caffe], /--out/],
        [['info', caffe], /caffe-v1-vgg16\.caffemodel/],
        [['export', caffe, '--format', 'onnx', ...out], /caffe-v1-vgg16\.caffemodel/],
        [['export', caffe, '--format', 'gif', ...out], /gif/],
        [[...int8, '--format', 'onnx', ...out], /--calibration but received nothing/],
        [[...int8, '--format', 'tfjs', ...out], /onnx or onnx-external.*"tfjs"/],
        [[...int8, '--format', 'onnx', '--calibration', bad, ...out], /caffe-v1-vgg16\.caffemodel/],
        [[...int8, '--format', 'onnx', '--calibration', `${bad}s`, ...out], /--calibration.*notes\.pths/],
        [
          ['export', caffe, '--format', 'onnx', '--allow-low-fidelity', ...out],
          /--precision int8 for --allow-low-fidelity/,
        ],
        [['download', 'vgg99'], /vgg99.*vgg16-oxford/],
      ];
      for (const [args, words] of cases) {
        const { code, stderr } = await verydeepHere('weights', ...args);
        match(stderr, words);
        equal(code, 2, args.join(' '));
      }
    }));

  it('lists published weights, and takes a download from the cache after checking it', () =>
    withFolder(async (folder) => {
      const list = await verydeep(['weights', 'list', '--json']);
      ok((JSON.parse(list.stdout) as unknown[]).length > 20);
      // A file without a published checksum that is in the cache is used as it is.
      const row = publishedWeightsNamed('vgg16-timm');
      await mkdir(join(folder, 'weights'));
      const cached = join(folder, 'weights', row.file);
      await writeFile(cached, await readFile(fixture('weights', 'timm-vgg16.safetensors')));
      const out = join(folder, 'x.safetensors');
      const env = { VERYDEEP_CACHE: folder };
      const got = await verydeep(['weights', 'download', row.name, '--out', out, '--json'], { env });
      equal(got.code, 0, got.stderr);
      const document = JSON.parse(got.stdout) as { cached: boolean; source: { published: string } };
      deepEqual([document.cached, document.source.published], [true, 'vgg16-timm']);
      // One whose checksum differs is fetched again: here that fails, the host being out of reach.
      const oxford = publishedWeightsNamed('vgg16-oxford');
      await writeFile(join(folder, 'weights', oxford.file), 'not it');
      ok(createHash('sha1').update('not it').digest('hex') !== oxford.checksum?.sha1);
      const proxy = { HTTPS_PROXY: 'http://127.0.0.1:9', https_proxy: '', NO_PROXY: '', no_proxy: '' };
      const failed = await verydeep(['weights', 'download', 'vgg16-oxford', '--quiet'], {
        env: { ...env, ...proxy },
      });
      equal(failed.code, 1);
      match(failed.stderr, /Cannot download VGG_ILSVRC_16_layers\.caffemodel\. https:\/\/www\.robots/);
    })).timeout(60_000);
});
