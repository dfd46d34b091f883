// The commands that take the net that comes with verydeep where none is given.
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Results } from '../../benchmarks/protocol/results.js';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { openNet } from '../../src/features/net.js';
import { colourImages } from '../backbone/tf.js';
import { verydeep, withFolder } from '../support.js';

const NOTICE = /No --backbone was given: the images are described by `builtin`/;

describe('without --backbone', function () {
  this.timeout(120_000);

  it('evaluate and extract use the net that comes with verydeep, say so, and predict finds it again anywhere', () =>
    withFolder(async (folder) => {
      const [data, out, cache] = ['data', 'out', 'cache'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      await colourImages(data, 8, { red: [220, 30, 30], green: [30, 200, 60] });
      const env = { VERYDEEP_CACHE: cache };
      const run = (...args: string[]) => verydeep(args, { env });
      const evaluated = await run(
        ...[
          'evaluate',
          'folder',
          '--data',
          data,
          '--train-per-class',
          '5',
          '--splits',
          '1',
          '--scales',
          '48',
        ],
        ...['--save-models', '--json', '--out', out],
      );
      assert.equal(evaluated.code, 0, evaluated.stderr);
      assert.match(evaluated.stderr, NOTICE);
      const { mean, backbones, seen } = JSON.parse(evaluated.stdout) as Results;
      assert.equal(mean, 100);
      assert.ok(backbones[0]!.path!.startsWith(cache));
      assert.equal(seen.known, 'all');

      const named = await run(
        ...[
          'extract',
          'folder',
          '--data',
          data,
          '--backbone',
          'builtin',
          '--scales',
          '48',
          '--dry-run',
          '--json',
        ],
      );
      const unnamed = await run('extract', 'folder', '--data', data, '--scales', '48', '--dry-run', '--json');
      assert.match(unnamed.stderr, NOTICE);
      assert.doesNotMatch(named.stderr, NOTICE);
      assert.equal(unnamed.stdout, named.stdout);

      await rm(cache, { recursive: true });
      const [model] = await readdir(join(out, 'models'));
      const predicted = await run(
        'predict',
        '--model',
        join(out, 'models', model!),
        '--json',
        join(data, 'red'),
      );
      assert.equal(predicted.code, 0, predicted.stderr);
      const { images } = JSON.parse(predicted.stdout) as { images: { class: string }[] };
      assert.deepEqual(new Set(images.map((image) => image.class)), new Set(['red']));
    }));

  it('train starts from it where it is named, and counts its images as seen', () =>
    withFolder(async (folder) => {
      const [data, out] = [join(folder, 'data'), join(folder, 'out')];
      await colourImages(data, 8, { red: [220, 30, 30], green: [30, 200, 60] });
      const { code, stderr } = await verydeep([
        ...['train', 'folder', '--data', data, '--init-from', 'builtin', '--classes', 'new', '--epochs', '1'],
        ...['--batch', '8', '--learning-rate', '0.001', '--out', out],
      ]);
      assert.equal(code, 0, stderr);
      const { classes, seen } = (await openBackbone(join(out, 'backbone.safetensors'))).metadata;
      assert.deepEqual(classes, ['green', 'red']);
      const [own] = (await openNet()).backbones;
      assert.ok(seen!.training > own!.metadata.seen!.training);
    }));

  it('ilsvrc2012 does not', async () => {
    const { code, stderr } = await verydeep(['evaluate', 'ilsvrc2012', '--data', '.', '--out', 'out']);
    assert.equal(code, 2);
    assert.match(stderr, /either weights or posteriors/);
  });

  it('weights lists it first, shows it, and says that it need not be downloaded', async () => {
    const { stdout } = await verydeep(['weights', 'list', '--json']);
    assert.equal((JSON.parse(stdout) as { name: string }[])[0]!.name, 'builtin');
    const shown = await verydeep(['weights', 'info', 'builtin']);
    assert.match(shown.stdout, /terms +for non-commercial research, see .*weights\/NOTICE\.md/);
    const { code, stderr } = await verydeep(['weights', 'download', 'builtin']);
    assert.equal(code, 2);
    assert.match(stderr, /comes with verydeep/);
  });
});
