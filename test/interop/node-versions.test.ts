// The whole way, from images to classes of new images, on every version of Node that verydeep supports.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import type { Results } from '../../benchmarks/protocol/results.js';
import { root, withFolder } from '../support.js';

interface NodeVersions {
  readonly majors: readonly number[];
  readonly nodeBinary: (major: number, folder: string) => string;
}
const { majors, nodeBinary } = (await import(join(root, 'scripts/node-versions.mjs'))) as NodeVersions;

const run = promisify(execFile);

/** Two classes that anyone can tell apart: bright images and dark ones; another `blue` gives other images. */
const makePhotos = async (folder: string, blue = 0): Promise<void> => {
  for (const [name, level] of [
    ['bright', 200],
    ['dark', 30],
  ] as const) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < 8; i++) {
      const background = { r: level + i, g: level, b: level - i + blue };
      await sharp({ create: { width: 20 + i, height: 24, channels: 3, background } })
        .png()
        .toFile(join(folder, name, `${i}.png`));
    }
  }
};

describe('every version of Node that is supported', function () {
  this.timeout(300_000);
  const backbones = new Map<number, Buffer>();

  for (const major of majors) {
    it(`Node ${major}: trains, extracts, evaluates, predicts`, () =>
      withFolder(async (folder) => {
        const node = nodeBinary(major, join(root, '.cache'));
        assert.match((await run(node, ['--version'])).stdout, new RegExp(`^v${major}\\.`));
        const verydeep = (...args: string[]) => run(node, [join(root, 'dist/src/cli/main.js'), ...args]);
        const at = (...path: string[]) => join(folder, ...path);
        await makePhotos(at('photos'));
        await makePhotos(at('others'), 9); // A net is not tested on the images that trained it.
        const net = ['--width', '0.0625', '--blocks', '2', '--input-size', '16', '--fully-connected', '16'];
        const recipe = ['--init', 'he', '--epochs', '2', '--batch', '8', '--threads', '1'];
        await verydeep('train', 'folder', '--data', at('photos'), ...net, ...recipe, '--out', at('net'));
        const backbone = at('net', 'backbone.safetensors');
        backbones.set(major, await readFile(backbone));
        const extract = ['extract', 'folder', '--data', at('others'), '--backbone', backbone];
        await verydeep(...extract, '--scales', '18', '--threads', '1', '--out', at('store'));
        const protocol = ['--train-per-class', '4', '--splits', '1', '--threads', '1', '--save-models'];
        const evaluate = [
          'evaluate',
          'folder',
          '--features',
          at('store'),
          ...protocol,
          '--out',
          at('result'),
        ];
        const results = JSON.parse((await verydeep(...evaluate, '--json')).stdout) as Results;
        assert.equal(results.mean, 100);
        const model = at('result', 'models', 'split-1.safetensors');
        const predicted = await verydeep(
          ...['predict', '--model', model, '--backbone', backbone, at('photos', 'dark', '7.png'), '--json'],
        );
        assert.match(predicted.stdout, /"class": *"dark"/);
      }));
  }

  it('trains the same bytes on all of them', () => {
    const [first, ...others] = [...backbones.values()];
    assert.equal(others.length, majors.length - 1);
    for (const other of others) assert.ok(first!.equals(other));
  });
});
