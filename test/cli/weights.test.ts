// `verydeep weights` as a user calls it.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishedWeightsNamed } from '../../src/backbone/published.js';
import { sha256 } from '../../src/files.js';
import { fixture, verydeep, withFolder } from '../support.js';

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

  it('names file and fault, with exit code 2', () =>
    withFolder(async (folder) => {
      const bad = join(folder, 'notes.pth');
      await writeFile(bad, 'these are notes');
      const out = ['--out', join(folder, 'x')];
      const cases: [string[], RegExp][] = [
        [['import', bad, ...out], /notes\.pth.*first bytes/],
        [['import', join(folder, 'none'), ...out], /Cannot open the weight file .*none/],
        [['import', caffe, ...out, '--input', 'gray'], /oxford, torchvision.*--input but received "gray"/],
        [['import', caffe], /--out/],
        [['info', caffe], /caffe-v1-vgg16\.caffemodel/],
        [['export', caffe, '--format', 'onnx', ...out], /caffe-v1-vgg16\.caffemodel/],
        [['export', caffe, '--format', 'gif', ...out], /gif/],
        [['download', 'vgg99'], /vgg99.*vgg16-oxford/],
      ];
      for (const [args, words] of cases) {
        const { code, stderr } = await verydeep(['weights', ...args]);
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
