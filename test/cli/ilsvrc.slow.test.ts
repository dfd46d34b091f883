// ILSVRC from the command line, on a few of the demo's drawings laid out as ILSVRC2012 is found on disks.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Layout, type Pictures, layOut, wnidOf } from '../../benchmarks/demo/ilsvrc.js';
import { chooseImages, png } from '../../benchmarks/demo/render.js';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { readFeatures } from './posteriors.js';
import { sha256OfFile } from '../../src/io/files.js';
import { Random } from '../../src/random.js';
import { verydeep, withFolder } from '../support.js';

const tiny = [
  ...['--width', '0.0625', '--blocks', '3', '--input-size', '16', '--fully-connected', '8', '--init', 'he'],
  ...['--batch', '8', '--micro-batch', '4', '--workers', '1', '--threads', '1', '--quiet'],
];

/** Training and validation drawings of six concepts; concepts of the demo's pre-training, as JPEG. */
const drawings = async (): Promise<Pictures> => {
  const images = (await chooseImages(1)).filter(({ path }) => path.startsWith('pretrain/'));
  const concept = (path: string) => path.split('/').slice(2, -1).join('/');
  const held = images.filter(({ path }) => path.startsWith('pretrain/val/'));
  const names = new Set(held.slice(0, 6).map(({ path }) => concept(path)));
  const render = (part: string) =>
    Promise.all(
      images
        .filter(({ path }) => path.startsWith(`pretrain/${part}/`) && names.has(concept(path)))
        .map(async (image) => ({
          name: concept(image.path),
          bytes: await sharp(await png(image, 1))
            .jpeg()
            .toBuffer(),
        })),
    );
  return { train: await render('train'), val: await render('val') };
};

describe('ILSVRC from the command line', () => {
  let pictures: Pictures;
  before(async () => {
    pictures = await drawings();
  });

  const trained = async (root: string, layout: Layout) => {
    const data = join(root, layout);
    await layOut(layout, pictures, data);
    const out = join(root, `net-${layout}`);
    const run = await verydeep(
      [
        'train',
        'imagenet',
        '--data',
        data,
        '--config',
        'A',
        '--epochs',
        '1',
        ...tiny,
        '--out',
        out,
        '--json',
      ],
      { env: { VERYDEEP_CACHE: join(root, 'cache') } },
    );
    assert.equal(run.code, 0, run.stderr);
    const { images } = JSON.parse(run.stdout) as { images: { train: number; validation: number } };
    assert.deepEqual(images, { train: pictures.train.length, validation: 6 });
    return { data, backbone: join(out, 'backbone.safetensors') };
  };

  it('trains the same net from folders, flat with the kit, Kaggle and archives; tests, fuses and predicts', () =>
    withFolder(async (root) => {
      const env = { VERYDEEP_CACHE: join(root, 'cache') };
      const nets: Awaited<ReturnType<typeof trained>>[] = [];
      for (const layout of ['archives', 'folders', 'devkit', 'kaggle'] as const)
        nets.push(await trained(root, layout));
      const hashes = await Promise.all(nets.map(({ backbone }) => sha256OfFile(backbone)));
      assert.equal(new Set(hashes).size, 1, 'the labels are the same in all of them');
      const { metadata } = await openBackbone(nets[0]!.backbone);
      const wnids = [...new Set(pictures.train.map(({ name }) => wnidOf(name)))].sort();
      assert.deepEqual(metadata.classes, wnids);

      const [archives, , , kaggle] = nets as [(typeof nets)[0], unknown, unknown, (typeof nets)[0]];
      const second = join(root, 'second');
      const other = await verydeep(
        [
          'train',
          'imagenet',
          '--data',
          kaggle.data,
          '--epochs',
          '0',
          ...tiny,
          '--seed',
          '2',
          '--out',
          second,
        ],
        { env },
      );
      assert.equal(other.code, 0, other.stderr);
      const out = join(root, 'test');
      const test = ['evaluate', 'ilsvrc2012', '--threads', '1', '--workers', '1', '--quiet', '--json'];
      const run = await verydeep(
        [
          ...[...test, '--data', archives.data, '--backbone', archives.backbone],
          ...['--backbone', join(second, 'backbone.safetensors'), '--scales', '18,27', '--testing', 'both'],
          ...['--crops', '2', '--max-side', '30', '--out', out],
        ],
        { env },
      );
      assert.equal(run.code, 0, run.stderr);
      type Document = {
        rows: { name: string; top1Error: number; top5Error: number }[];
        files: { posteriors: string[] };
        images: number;
      };
      const results = JSON.parse(run.stdout) as Document;
      assert.equal(results.images, 6);
      assert.equal(results.rows.length, 12);
      assert.match(await readFile(join(out, 'report.html'), 'utf8'), /Table 5: ways of testing/);

      // Top-1 of the first row by hand: posteriors of both nets, averaged, against the known classes.
      const dense = await Promise.all(
        results.files.posteriors.filter((path) => path.endsWith('dense')).map(readFeatures),
      );
      const wrong = pictures.val.filter(({ name }, i) => {
        const id = `val/ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`;
        const mean = wnids.map((_, c) => dense.reduce((sum, store) => sum + store.get(id)![c]!, 0));
        return wnids[mean.indexOf(Math.max(...mean))] !== wnidOf(name);
      });
      assert.ok(Math.abs(results.rows[0]!.top1Error - (100 * wrong.length) / 6) < 1e-9);

      const again = await verydeep(
        [
          ...[...test, '--data', kaggle.data, '--out', join(root, 'again')],
          ...results.files.posteriors.flatMap((path) => ['--features', path]),
        ],
        { env },
      );
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual((JSON.parse(again.stdout) as Document).rows, results.rows, 'fused without the nets');
      const predictions = await readFile(join(out, 'predictions.csv'), 'utf8');
      assert.equal(await readFile(join(root, 'again/predictions.csv'), 'utf8'), predictions);
      const lines = predictions.trim().split('\n');
      assert.equal(lines[0], 'ImageId,PredictionString');
      assert.match(lines[1]!, /^ILSVRC2012_val_00000001,(n\d{8} 0 0 80 80 ?){5}$/);
    })).timeout(300_000);

  it('measures the colours of the training images: the same table whatever holds them', () =>
    withFolder(async (root) => {
      const shades = new Random('shades', 1);
      const pixels = Array.from({ length: 4 }, () => [0, 1, 2].map(() => shades.below(256)));
      const train = await Promise.all(
        pixels.map(async ([r, g, b], i) => ({
          name: `class-${i % 2}`,
          bytes: await sharp({
            create: { width: 9, height: 9, channels: 3, background: { r: r!, g: g!, b: b! } },
          })
            .png()
            .toBuffer(),
        })),
      );
      const env = { VERYDEEP_CACHE: join(root, 'cache') };
      for (const layout of ['archives', 'kaggle'] as const) {
        await layOut(layout, { train, val: train.slice(0, 1) }, join(root, layout));
        const file = join(root, `${layout}.json`);
        const run = await verydeep(
          [
            'datasets',
            'stats',
            'imagenet',
            '--data',
            join(root, layout),
            '--side',
            '9',
            '--out',
            file,
            '--json',
          ],
          { env },
        );
        assert.equal(run.code, 0, run.stderr);
        const statistics = JSON.parse(await readFile(file, 'utf8')) as Record<string, number[]>;
        assert.deepEqual(
          { ...(JSON.parse(run.stdout) as object) },
          {
            dataset: 'imagenet',
            split: 'train',
            side: 9,
            ...statistics,
          },
        );
        // Images of one colour each: mean and covariance by hand; the axes' variance adds up to the total.
        const mean = [0, 1, 2].map((c) => pixels.reduce((sum, p) => sum + p[c]!, 0) / 4);
        mean.forEach((value, c) => assert.ok(Math.abs(value - statistics['mean']![c]!) < 1e-9));
        const variance =
          pixels.reduce((s, p) => s + p.reduce((t, x, c) => t + (x - mean[c]!) ** 2, 0), 0) / 4;
        const total = statistics['eigenvalues']!.reduce((a, b) => a + b);
        assert.ok(Math.abs(total / variance - 1) < 1e-9);
        statistics['spread']!.forEach((x, i) =>
          assert.ok(Math.abs(x - Math.max(0, statistics['eigenvalues']![i]!) / 255) < 1e-9),
        );
      }
      const missing = await verydeep(['datasets', 'stats', 'imagenet', '--data', join(root, 'nowhere')]);
      assert.equal(missing.code, 2);
    })).timeout(60_000);

  it("trains the paper's nets in its order at another size: first weights, S and rates are the recipe's", () =>
    withFolder(async (root) => {
      const data = join(root, 'data');
      await layOut('devkit', pictures, data);
      const out = join(root, 'nets');
      const args = ['train', 'imagenet', '--data', data, '--recipe', 'paper.yaml', ...tiny];
      const run = await verydeep([
        ...args.filter((arg) => arg !== '--init' && arg !== 'he'),
        '--epochs',
        '1',
        '--out',
        out,
      ]);
      assert.equal(run.code, 0, run.stderr);
      const from = (name: string) => join(out, name, 'backbone.safetensors');
      // S = 256, 384 and 256-512 for an input of 224 are 18, 27 and 18-37 for one of 16.
      for (const [name, config, sides, rate, source] of [
        ['A-256', 'A', [18, 18], 0.01, undefined],
        ['D-256', 'D', [18, 18], 0.01, 'A-256'],
        ['D-384', 'D', [27, 27], 0.001, 'D-256'],
        ['D-jitter', 'D', [18, 37], 0.001, 'D-384'],
        ['E-256', 'E', [18, 18], 0.01, 'A-256'],
        ['E-384', 'E', [27, 27], 0.001, 'E-256'],
        ['E-jitter', 'E', [18, 37], 0.001, 'E-384'],
      ] as const) {
        const { metadata } = await openBackbone(from(name));
        const training = metadata.training as {
          sides: number[];
          schedule: { rate: number };
          initialisedFrom?: { file: string; sha256: string };
          colour: unknown;
        };
        assert.equal(metadata.architecture.config, config);
        assert.deepEqual(training.sides, sides, name);
        assert.equal(training.schedule.rate, rate, name);
        assert.equal(training.initialisedFrom?.file, source && from(source), name);
        if (source) {
          assert.equal(training.initialisedFrom?.sha256, await sha256OfFile(from(source)));
          assert.deepEqual(training.colour, (await openBackbone(from('A-256'))).metadata.training!['colour']);
          assert.ok(
            !(await readdir(join(out, name))).includes('statistics.json'),
            'colours are carried over',
          );
        }
      }
    })).timeout(300_000);
});
