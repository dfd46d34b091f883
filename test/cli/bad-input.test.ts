import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { architecture, weightShapes } from '../../src/backbone/nets/architecture.js';
import { saveBackbone } from '../../src/backbone/nets/backbone.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { verydeepHere, withFolder } from '../support.js';
import { sizeFromShape } from '../../src/shape.js';

const net = architecture({
  config: 'A',
  width: 0.0625,
  blocks: 2,
  inputSize: 16,
  fullyConnected: 8,
  outputs: 2,
});

/** Two classes of three good images, and one of each kind of bad one. */
const makeImages = async (folder: string): Promise<void> => {
  for (const [name, background] of [
    ['a', '#c02020'],
    ['b', '#2020c0'],
  ] as const) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < 3; i++) {
      await sharp({ create: { width: 20 + i, height: 24, channels: 3, background } })
        .png()
        .toFile(join(folder, name, `${i}.png`));
    }
  }
  await writeFile(join(folder, 'a', 'cut.png'), (await readFile(join(folder, 'a', '0.png'))).subarray(0, 60));
  await writeFile(join(folder, 'a', 'text.jpg'), 'no image at all\n');
  await writeFile(join(folder, 'b', 'zero.png'), '');
};

describe('bad input on the command line', () => {
  it('skips and lists bad images, and refuses wrong usage in one line before any work', async () => {
    await withFolder(async (folder) => {
      const [data, backbone, out] = ['images', 'net.safetensors', 'out'].map((name) =>
        join(folder, name),
      ) as [string, string, string];
      await makeImages(data);
      const metadata = {
        format: 1,
        architecture: net,
        input: { order: 'rgb', scale: 1, mean: [120, 120, 120], std: [60, 60, 60] },
        classes: ['a', 'b'],
      } as const;
      await saveBackbone(backbone, metadata, (name) =>
        Promise.resolve(new Float32Array(sizeFromShape(weightShapes(net).get(name) ?? [])).fill(0.01)),
      );
      const extract = (...args: string[]) =>
        verydeepHere('extract', 'folder', '--data', data, '--scales', '16', ...args);

      const done = await extract('--backbone', backbone, '--out', out);
      assert.equal(done.code, 3, done.stderr);
      for (const line of [
        'a/cut.png: the image data is cut short or damaged',
        'a/text.jpg: it holds text, not an image',
        'b/zero.png: the file is empty',
      ]) {
        assert.ok(done.stderr.includes(line), done.stderr);
      }
      assert.equal((await openFeatures([out])).rows, 6);

      const cut = join(folder, 'cut.safetensors');
      await writeFile(cut, (await readFile(backbone)).subarray(0, 4000));
      const refusals: [string, string[], RegExp][] = [
        ['a used folder', ['--backbone', backbone, '--out', out], /--out already holds .*--resume/],
        ['a backbone cut short', ['--backbone', cut, '--out', `${out}2`], /cut\.safetensors.*cut short/],
        [
          'scale 0',
          ['--backbone', backbone, '--out', `${out}3`, '--scales', '0'],
          /--scales but received "0"/,
        ],
        ['no place to write', ['--backbone', backbone, '--out', '/proc/nowhere'], /\/proc\/nowhere .*--out/],
      ];
      for (const [what, args, message] of refusals) {
        const { code, stderr } = await extract(...args);
        assert.equal(code, 2, `${what}: ${stderr}`);
        assert.match(stderr, message, what);
        assert.equal(stderr.trim().split('\n').length, 1, `${what}: one line, not\n${stderr}`);
      }

      const evaluation = join(folder, 'evaluation');
      const few = await verydeepHere(
        ...['evaluate', 'folder', '--data', data, '--backbone', backbone, '--scales', '16'],
        ...['--train-per-class', '30', '--out', evaluation],
      );
      assert.equal(few.code, 2);
      assert.match(few.stderr, /--train-per-class 30 .* "a" \(5\), "b" \(4\)/);
      assert.ok(!existsSync(join(evaluation, 'features')), 'nothing was extracted');
    });
  });
});
