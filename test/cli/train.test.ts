import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verydeep, verydeepHere, withFolder } from '../support.js';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { colourImages } from '../backbone/tf.js';

const small =
  '--width 0.0625 --blocks 2 --input-size 8 --fully-connected 8 --batch 4 --init he --workers 1 --threads 1 --quiet'.split(
    ' ',
  );
const colours = { n01440764: [220, 30, 30], n02012849: [30, 200, 60], n02119789: [20, 40, 230] } as const;

const backboneOf = (out: string) => join(out, 'backbone.safetensors');

describe('verydeep train', () => {
  it('takes the columns of a table', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'images'), 3, colours);
      const rows = Object.keys(colours).flatMap((name) =>
        [0, 1, 2].map((i) => `images/${name}/${i}.png;${name};a`),
      );
      const names = await readdir(join(root, 'images/n01440764'));
      const table = rows.map((row, i) =>
        row.replace(/[^/]+\.png/, names.sort()[i % 3]!).replaceAll(';', ','),
      );
      await writeFile(join(root, 'table.csv'), ['file,kind,part', ...table].join('\n'));
      const columns = ['--path-column', 'file', '--label-column', 'kind'];
      const train = (out: string, ...more: string[]) =>
        verydeep(['train', 'csv', '--data', join(root, 'table.csv'), '--out', join(root, out), ...more]);
      const done = await train('a', ...columns, '--epochs', '0', ...small);
      assert.equal(done.code, 0, done.stderr);
      assert.deepEqual(
        (await openBackbone(backboneOf(join(root, 'a')))).metadata.classes,
        Object.keys(colours).sort(),
      );
      const missing = await train('b', '--epochs', '0', ...small);
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /a column "path" for .*table.csv/);
    }));

  it('refuses a plain run for which memory does not suffice, before anything starts', () =>
    withFolder(async (root) => {
      const [data, out] = [join(root, 'data'), join(root, 'net')];
      await colourImages(data, 20, colours);
      const train = (memory: string, ...more: string[]) =>
        verydeep(['train', 'folder', '--data', data, '--out', out, '--workers', '1', ...more], {
          env: { VERYDEEP_MEMORY: memory },
        });
      const plain = await train('1.5');
      assert.equal(plain.code, 2, plain.stderr);
      // Net A: 129 million weights, velocities and gradients, two and four times.
      assert.match(
        plain.stderr,
        /^verydeep: Training this net needs \d\.\d GB of memory even with --micro-batch 1 \(\d\.\d GB for gradients, .*\), but 1\.5 GB are free \(VERYDEEP_MEMORY\)\. Free memory, .*--width, --fully-connected, --input-size\)\.$/m,
      );
      const given = await train(
        '0.25',
        ...'--input-size 32 --width 0.25 --fully-connected 64'.split(' '),
        ...'--threads 1 --batch 48 --micro-batch 48'.split(' '),
      );
      assert.equal(given.code, 2, given.stderr);
      assert.match(given.stderr, /^verydeep: --micro-batch 48 needs 0\.3 GB .* Give --micro-batch \d+\.$/m);
      assert.equal(existsSync(out), false);
    }));

  it('takes as many images at once as memory allows, and says so in one line', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 16, colours);
      const { code, stderr, stdout } = await verydeep(
        [
          ...['train', 'folder', '--data', join(root, 'data'), '--out', join(root, 'net'), '--json'],
          ...'--input-size 32 --width 0.25 --fully-connected 64 --init he --batch 48 --epochs 1'.split(' '),
          ...'--workers 1 --threads 1 --validation 0'.split(' '),
        ],
        { env: { VERYDEEP_MEMORY: '0.275' } },
      );
      assert.equal(code, 0, stderr);
      const [, images] = /^micro-batch (\d+): 0\.2 of 0\.3 GB$/m.exec(stderr)!;
      assert.ok([8, 12, 16, 24].includes(Number(images)), stderr);
      assert.equal((JSON.parse(stdout) as { microBatch: number }).microBatch, Number(images));
    }));

  it('validates on the val split, or on training images held out where a share is given', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data', 'train'), 8, colours);
      await colourImages(join(root, 'data', 'val'), 4, colours);
      const seen = async (...args: readonly string[]) => {
        const out = join(root, `out${args.join('')}`);
        const { code, stderr } = await verydeepHere(
          ...[
            'train',
            'folder',
            '--data',
            join(root, 'data'),
            '--epochs',
            '1',
            '--out',
            out,
            ...args,
            ...small,
          ],
        );
        assert.equal(code, 0, stderr);
        const { seen } = (await openBackbone(join(out, 'backbone.safetensors'))).metadata;
        return [seen?.training, seen?.validation];
      };
      const classes = Object.keys(colours).length;
      assert.deepEqual(await seen(), [8 * classes, 4 * classes]);
      assert.deepEqual(await seen('--validation', '0.25'), [6 * classes, 2 * classes]);
    }));

  it('leaves out images that cannot be read, lists them, and ends with exit code 3', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 4, colours);
      await writeFile(join(root, 'data', 'n01440764', 'broken.jpg'), 'no image');
      const { code, stderr } = await verydeep([
        ...['train', 'folder', '--data', join(root, 'data'), '--epochs', '1', '--out', join(root, 'out')],
        ...small,
      ]);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /Skipped 1 image:\n {2}n01440764\/broken.jpg: it holds text, not an image/);
    })).timeout(60_000);
});
