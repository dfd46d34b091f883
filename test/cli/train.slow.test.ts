import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { sha256OfFile } from '../../src/io/files.js';
import { fixture, root as project, verydeep, withFolder } from '../support.js';
import { colourImages } from '../backbone/tf.js';

const small =
  '--width 0.0625 --blocks 2 --input-size 8 --fully-connected 8 --batch 4 --init he --workers 1 --threads 1 --quiet'.split(
    ' ',
  );
const colours = { n01440764: [220, 30, 30], n02012849: [30, 200, 60], n02119789: [20, 40, 230] } as const;

const backboneOf = (out: string) => join(out, 'backbone.safetensors');

describe('verydeep train, whole runs', () => {
  it('trains on ILSVRC with class folders and with a flat validation set, to the same net', () =>
    withFolder(async (root) => {
      const data = join(root, 'data');
      await colourImages(join(data, 'train'), 4, colours);
      await colourImages(join(data, 'val'), 2, colours);
      const folders = await verydeep([
        ...['train', 'imagenet', '--data', data, '--epochs', '1', '--out', join(root, 'a'), '--json'],
        ...small,
      ]);
      assert.equal(folders.code, 0, folders.stderr);
      const document = JSON.parse(folders.stdout) as {
        backbone: string;
        images: { train: number; validation: number };
        history: { validationTop1Error: number; waiting: number }[];
      };
      assert.equal(document.backbone, backboneOf(join(root, 'a')));
      assert.deepEqual(document.images, { train: 12, validation: 6 });
      assert.ok(document.history[0]!.waiting >= 0 && document.history[0]!.waiting <= 1);

      // The same validation images flat; IDs of the kit: 4 is n01440764, 5 n02012849, 1 n02119789.
      const ids = { n01440764: 4, n02012849: 5, n02119789: 1 } as const;
      const lines: number[] = [];
      for (const [wnid, id] of Object.entries(ids)) {
        for (const file of (await readdir(join(data, 'val', wnid))).sort()) {
          lines.push(id);
          const name = `ILSVRC2012_val_${String(lines.length).padStart(8, '0')}.JPEG`;
          await rename(join(data, 'val', wnid, file), join(data, 'val', name));
        }
        await rm(join(data, 'val', wnid), { recursive: true });
      }
      await mkdir(join(data, 'ILSVRC2012_devkit_t12/data'), { recursive: true });
      await copyFile(fixture('imagenet', 'meta.mat'), join(data, 'ILSVRC2012_devkit_t12/data/meta.mat'));
      await writeFile(
        join(data, 'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt'),
        lines.map((id) => `${id}\n`).join(''),
      );
      const flat = await verydeep([
        ...['train', 'imagenet', '--data', data, '--epochs', '1', '--out', join(root, 'b'), '--json'],
        ...small,
      ]);
      assert.equal(flat.code, 0, flat.stderr);
      assert.equal(
        await sha256OfFile(backboneOf(join(root, 'b'))),
        await sha256OfFile(backboneOf(join(root, 'a'))),
      );
      const again = JSON.parse(flat.stdout) as typeof document;
      assert.equal(again.history[0]!.validationTop1Error, document.history[0]!.validationTop1Error);
    })).timeout(120_000);

  it('stops at SIGINT with a checkpoint and exit code 130, and ends bit-identical when resumed', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 10, colours);
      const args = ['train', 'folder', '--data', join(root, 'data'), '--epochs', '40', ...small];
      const out = join(root, 'out');
      const child = spawn(process.execPath, [join(project, 'dist/src/cli/main.js'), ...args, '--out', out], {
        stdio: 'ignore',
      });
      const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
      const steps = async () =>
        (await readFile(join(out, 'log.jsonl'), 'utf8').catch(() => '')).split('\n').length - 1;
      while ((await steps()) < 5 && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 10));
      child.kill('SIGINT');
      assert.equal(await closed, 130);
      assert.deepEqual(
        (await readdir(out)).filter((name) => name.endsWith('.tmp')),
        [],
      );
      const refused = await verydeep([...args, '--out', out]);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /already holds results of these options. Add --resume/);
      const resumed = await verydeep([...args, '--out', out, '--resume']);
      assert.equal(resumed.code, 0, resumed.stderr);
      const whole = await verydeep([...args, '--out', join(root, 'whole'), '--resume']);
      assert.equal(whole.code, 0, whole.stderr);
      assert.equal(await sha256OfFile(backboneOf(out)), await sha256OfFile(backboneOf(join(root, 'whole'))));
    })).timeout(180_000);

  it('trains the nets of a recipe, then others from them: frozen layers stay, the last layer is new', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 4, colours);
      const recipe = join(root, 'small.yaml');
      await writeFile(
        recipe,
        `defaults: { width: 0.0625, blocks: 3, input-size: 16, fully-connected: 8, batch: 4, init: he, epochs: 2 }
nets:
  - { name: A, config: A }
  - { name: D, config: D, init-from: A, train-side: 18-20, flip: false }
`,
      );
      const out = join(root, 'nets');
      const machine = ['--workers', '1', '--threads', '1'];
      const base = ['train', 'folder', '--data', join(root, 'data')];
      const trained = await verydeep([
        ...[...base, '--recipe', recipe, '--epochs', '1', '--learning-rate', '1e-9', '--out', out, '--json'],
        ...machine,
      ]);
      assert.equal(trained.code, 0, trained.stderr);
      assert.match(
        trained.stderr,
        /From .*A.backbone.safetensors: conv1_1, conv2_1, conv3_1, conv3_2, fc6, fc7, fc8/,
      );
      const { nets } = JSON.parse(trained.stdout) as { nets: { history: unknown[] }[] };
      assert.deepEqual(
        nets.map(({ history }) => history.length),
        [1, 1],
        'the command line wins over the file',
      );
      const [a, d] = await Promise.all(['A', 'D'].map((name) => openBackbone(backboneOf(join(out, name)))));
      const difference = (x: Float32Array, y: Float32Array) =>
        x.reduce((m, v, i) => Math.max(m, Math.abs(v - y[i]!)), 0);
      assert.ok(difference(await a!.read('conv3_2.weight'), await d!.read('conv3_2.weight')) < 1e-6);
      assert.deepEqual(d!.metadata.training!['sides'], [18, 20]);

      await mkdir(join(root, 'two'));
      for (const name of Object.keys(colours).slice(0, 2)) {
        await cp(join(root, 'data', name), join(root, 'two', name), { recursive: true });
      }
      const tuned = await verydeep([
        ...['train', 'folder', '--data', join(root, 'two'), '--init-from', d!.path, '--classes', 'new'],
        ...['--freeze', 'conv1-conv3_2', '--rate-factors', 'fc8=10', '--batch', '4', '--epochs', '1'],
        ...['--out', join(root, 'tuned'), '--quiet', ...machine],
      ]);
      assert.equal(tuned.code, 0, tuned.stderr);
      const net = await openBackbone(backboneOf(join(root, 'tuned')));
      assert.equal(net.metadata.architecture.outputs, 2);
      assert.deepEqual(await net.read('conv3_2.weight'), await d!.read('conv3_2.weight'));
      assert.notDeepEqual(await net.read('conv3_3.weight'), await d!.read('conv3_3.weight'));
    })).timeout(180_000);

  it('says what is wrong in one line, with exit code 2', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 2, colours);
      await colourImages(join(root, 'one'), 2, { only: [1, 2, 3] });
      await writeFile(join(root, 'bad.yaml'), 'nets:\n  - { name: A, depth: 3 }\n');
      await writeFile(join(root, 'cut.safetensors'), Buffer.alloc(20));
      const data = join(root, 'data');
      const cases: readonly [string[], RegExp][] = [
        [['--data', join(root, 'nowhere')], /an existing folder for --data but received ".*nowhere"/],
        [['--data', join(root, 'one')], /at least two classes/],
        [['--data', data, '--input-size', '100'], /a multiple of 32 .* for --input-size but received 100/],
        [['--data', data, '--train-side', '10'], /--train-side/],
        [['--data', data, '--width', '0'], /--width/],
        [['--data', data, '--superclass-loss', '1'], /nested class folders .* for --superclass-loss/],
        [['--data', data, '--init-from', join(root, 'cut.safetensors')], /cut.safetensors/],
        [
          ['--data', data, '--recipe', join(root, 'bad.yaml')],
          /depth of the net A in .*bad.yaml but received 3/,
        ],
        [['--data', data, '--freeze', 'conv9'], /layers such as .* for --freeze but received "conv9"/],
        [['--data', data, '--out', '/proc/nowhere'], /\/proc\/nowhere given for --out/],
      ];
      const results = await Promise.all(
        cases.map(([args], i) =>
          verydeep([
            'train',
            'folder',
            ...(args.includes('--out') ? [] : ['--out', join(root, `out${i}`)]),
            ...args,
          ]),
        ),
      );
      results.forEach(({ code, stderr }, i) => {
        assert.equal(code, 2, stderr);
        assert.match(stderr, cases[i]![1]);
        const lines = stderr
          .trim()
          .split('\n')
          .filter((line) => line.startsWith('verydeep:'));
        assert.equal(lines.length, 1, stderr);
      });
    })).timeout(120_000);
});
