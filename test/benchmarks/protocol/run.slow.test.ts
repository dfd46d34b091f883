// Every benchmark from images to files, on made-up data sets of the same shape, with a small net of random weights.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { mkdtemp } from 'node:fs/promises';
import type { Benchmark } from '../../../benchmarks/protocol/benchmark.js';
import { benchmarkNamed } from '../../../benchmarks/list.js';
import type { Results } from '../../../benchmarks/protocol/results.js';
import { type RunOptions, runBenchmark } from '../../../benchmarks/protocol/run.js';
import { loadModel } from '../../../src/classifiers/model-file.js';
import { packCaltech, packVoc } from '../../fixtures/datasets/archives.js';
import { makeCaltech } from '../../fixtures/datasets/caltech.js';
import { makeVoc } from '../../fixtures/datasets/voc.js';
import { randomBackbone, small } from '../../features/nets.js';
import { apOfFile } from '../ap-of-file.js';

describe('benchmarks, start to end', function () {
  this.timeout(120_000);
  let folder: string;
  const nets = (...names: string[]) => names.map((name) => join(folder, `${name}.safetensors`));

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verydeep-benchmarks-'));
    for (const name of ['voc2007', 'voc2012', 'c101', 'c256']) await mkdir(join(folder, name));
    const tiny = { width: 48, perClass: 1, perAction: 1 };
    await makeVoc(2007, join(folder, 'voc2007'), tiny);
    await makeVoc(2012, join(folder, 'voc2012'), tiny);
    await makeCaltech(101, join(folder, 'c101'), { width: 48, perClass: 7 });
    await makeCaltech(256, join(folder, 'c256'), { width: 48, perClass: 7 });
    await randomBackbone(join(folder, 'D.safetensors'), small({ config: 'D', width: 1 / 32 }), 1);
    await randomBackbone(join(folder, 'E.safetensors'), small({ config: 'E', width: 1 / 32 }), 2);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (benchmark: Benchmark, data: string, options: Partial<RunOptions> = {}): Promise<Results> =>
    runBenchmark(benchmark, {
      data: join(folder, data),
      backbones: nets('D'),
      features: [],
      recipe: { scales: [32] },
      extract: { threads: 1 },
      svm: { threads: 1, cGrid: [1, 10] },
      bootstrap: { resamples: 20 },
      seed: 1,
      out: join(folder, `out-${data}`),
      command: 'verydeep evaluate …',
      ...options,
    });

  it('VOC 2007 from its archives, two nets fused: both forms of average precision, result files, models', async () => {
    await packVoc(2007, join(folder, 'voc2007'), join(folder, 'archives'));
    const out = join(folder, 'out-voc2007');
    const results = await run(benchmarkNamed('voc2007'), 'archives', {
      backbones: nets('D', 'E'),
      out,
      saveModels: true,
    });
    const [split] = results.splits;
    assert.deepEqual(
      [results.metric, results.splits.length, split!.name, split!.train, split!.test],
      ['mAP', 1, 'test', 44, 20],
    );
    assert.equal(results.descriptors.columns, 48);
    assert.deepEqual(
      results.backbones.map(({ config }) => config),
      ['D', 'E'],
    );
    assert.ok(results.mean! > 0 && results.mean! <= 100);
    assert.ok(split!.figures['mAPAllPoints']! > 0);
    for (const file of Object.values(results.files).flat()) assert.ok(existsSync(join(out, file)), file);
    assert.ok(results.files['scores']!.includes('results/VOC2007/Main/comp2_cls_test_cat.txt'));
    const model = await loadModel(join(out, 'models/test.safetensors'));
    assert.equal(model.classes.length, 20);
    assert.equal(model.extraction!.stacks[0]!.nets.length, 2);

    // From the descriptors on disk, and from the unpacked folder: the same figures.
    const again = await run(benchmarkNamed('voc2007'), 'voc2007', {
      backbones: [],
      features: [join(out, 'features')],
      out: join(folder, 'out-again'),
    });
    assert.deepEqual(again.splits[0]!.figures, split!.figures);
    assert.deepEqual(again.splits[0]!.perClass, split!.perClass);
  });

  it('VOC 2007 by the protocol of VISSL: three folds want three images a class', async () => {
    await assert.rejects(
      run(benchmarkNamed('voc2007', 'vissl'), 'voc2007', { recipe: {}, out: join(folder, 'out-vissl') }),
      /at least 3 training images of every class/,
    );
    assert.throws(() => benchmarkNamed('caltech101', 'vissl'), /protocol of caltech101/);
  });

  it('VOC 2007 by the protocol of VISSL, to the end: a C a class, difficult images as negatives, norms of one', async () => {
    await makeVoc(2007, join(folder, 'larger'), { width: 48, perClass: 2 });
    const out = join(folder, 'out-vissl-full');
    const results = await run(benchmarkNamed('voc2007', 'vissl'), 'larger', {
      recipe: {},
      svm: { threads: 1 },
      out,
      saveModels: true,
    });
    const [split] = results.splits;
    assert.deepEqual([split!.name, split!.train, split!.test], ['test', 84, 40]);
    assert.deepEqual(Object.keys(split!.figures), ['mAP']);
    // 0.01, 0.1 and the powers of one half from the 4th to the 19th; each class takes one of them.
    const grid = split!.curve.map(({ C }) => C);
    assert.deepEqual([grid.length, grid[0], grid.at(-1)], [18, 0.5 ** 19, 0.1]);
    assert.ok((split!.C as number[]).every((C) => grid.includes(C)));
    assert.equal((split!.C as number[]).length, 20);
    // Descriptors in the store are as the net gives them; the model divides them by their norm.
    const model = await loadModel(join(out, 'models/test.safetensors'));
    assert.equal(model.extraction!.norm, 1e-5);
    assert.equal(model.extraction!.stacks[0]!.recipe.descriptorNorm, 'none');
    assert.equal(model.loss, 'squared-hinge');
    // The mean over classes is the figure; scored again from the files for the server.
    const aps = split!.perClass.map(({ figures }) => figures['ap']!);
    assert.ok(Math.abs(aps.reduce((a, b) => a + b) / 20 - results.mean!) < 1e-9);
    assert.ok(Math.abs((await apOfFile(join(folder, 'larger'), out, 'cat')) - aps[7]!) < 1e-9);
  });

  it('VOC 2012: scored on val, result files for test packed for the server', async () => {
    const results = await run(benchmarkNamed('voc2012'), 'voc2012');
    assert.deepEqual(
      results.splits.map(({ name, figures }) => [name, Object.keys(figures)]),
      [
        ['val', ['mAP']],
        ['test', []],
      ],
    );
    assert.equal(results.mean, results.splits[0]!.figures['mAP']);
    assert.deepEqual(results.files['server'], ['voc2012-results.tar.gz']);
  });

  it('VOC 2012 actions: persons in boxes, the image and the box stacked or the image alone', async () => {
    const out = join(folder, 'out-action');
    const results = await run(benchmarkNamed('voc2012-action'), 'voc2012', { out });
    assert.equal(results.classes.length, 10);
    assert.equal(results.descriptors.columns, 48);
    const text = await readFile(join(out, 'results/VOC2012/Action/comp10_action_test_jumping.txt'), 'utf8');
    assert.match(text, /^\d{4}_\d{6} \d+ -?\d+\.\d{6}\n/);
    const image = await run(benchmarkNamed('voc2012-action'), 'voc2012', {
      out: join(folder, 'out-action-image'),
      recipe: { scales: [32], region: 'image' },
    });
    assert.equal(image.descriptors.columns, 24);
  });

  for (const [name, data, which, classes] of [
    ['caltech101', 'c101', 101, ['BACKGROUND_Google', 'accordion', 'ant', 'butterfly', 'crab', 'sunflower']],
    [
      'caltech256',
      'c256',
      256,
      ['009.bear', '024.butterfly', '055.dice', '056.dog', '198.spider', '257.clutter'],
    ],
  ] as const) {
    it(`${name} from its archive: random splits, mean class recall`, async () => {
      const archives = join(folder, `archives-${which}`);
      await packCaltech(which, join(folder, data), archives);
      const results = await run(benchmarkNamed(name), `archives-${which}`, {
        trainPerClass: 4,
        splits: 2,
        open: { cache: join(folder, 'cache') },
        out: join(folder, `out-${name}`),
      });
      assert.deepEqual(results.classes, classes);
      assert.equal(results.splits.length, 2);
      assert.deepEqual(
        results.splits.map(({ train, test }) => [train, test]),
        [
          [24, 18],
          [24, 18],
        ],
      );
      const html = await readFile(join(folder, `out-${name}`, 'report.html'), 'utf8');
      assert.match(html, /Confusion matrix/);
      for (const split of [1, 2]) assert.match(html, new RegExp(`score -?\\d\\.\\d\\d, split ${split}`));
      assert.equal(html.match(/<img src="data:image\/jpeg;base64,/g)!.length > 10, true);
      const without = await run(benchmarkNamed(name), data, {
        trainPerClass: 4,
        splits: 1,
        open: { background: false },
        out: join(folder, `out-${name}-objects`),
      });
      assert.equal(without.classes.length, 5);
    });
  }

  it('goes on after a crash with the classes that were solved, to the same results', async () => {
    const out = join(folder, 'crashed');
    const again = { trainPerClass: 4, splits: 2, svm: { threads: 1 }, command: '' };
    const crash = (classes: number) =>
      run(benchmarkNamed('caltech256'), 'c256', {
        ...again,
        out,
        onProgress: ({ task }) => {
          if (task === 'svm' && --classes < 0) throw new Error('crash');
        },
      });
    const solved = async (): Promise<Map<string, number>> => {
      const names = await readdir(join(out, 'svm'), { recursive: true });
      const files = names.filter((name) => name.endsWith('.safetensors'));
      return new Map(
        await Promise.all(
          files.map(async (name) => [name, (await stat(join(out, 'svm', name))).mtimeMs] as const),
        ),
      );
    };
    await assert.rejects(crash(9), /crash/);
    const first = await solved();
    assert.ok(first.size >= 9, `${first.size} classes were kept`);
    await assert.rejects(crash(20), /crash/);
    const second = await solved();
    assert.ok(second.size > first.size);
    for (const [name, time] of first) assert.equal(second.get(name), time, `${name} was not solved again`);
    const { run: times, ...resumed } = await run(benchmarkNamed('caltech256'), 'c256', { ...again, out });
    assert.ok(times.seconds['split 2']! > 0);
    assert.ok(!existsSync(join(out, 'svm')), 'nothing is left of what was solved');
    const { run: others, ...whole } = await run(benchmarkNamed('caltech256'), 'c256', {
      ...again,
      out: join(folder, 'whole'),
    });
    assert.ok(others.seconds['split 1']! > 0);
    assert.deepEqual(resumed, whole);
    const csv = (name: string) => readFile(join(folder, name, 'results.csv'), 'utf8');
    assert.equal(await csv('crashed'), await csv('whole'));
  });

  it('a folder: the same figures twice', async () => {
    const data = 'c101/101_ObjectCategories';
    await rm(join(folder, data, 'BACKGROUND_Google/tmp'), { force: true });
    const options = { trainPerClass: 3, splits: 2 };
    const [one, two] = [
      await run(benchmarkNamed('folder'), data, { ...options, out: join(folder, 'f1') }),
      await run(benchmarkNamed('folder'), data, { ...options, out: join(folder, 'f2') }),
    ];
    const figures = ({ splits }: Results) => splits.map((split) => split.figures);
    assert.deepEqual(figures(one), figures(two));

    const table = parse(await readFile(join(folder, 'f1', 'predictions.csv')), { columns: true });
    const rows = table as { split: string; class: string; predicted: string }[];
    for (const { name, test, figures } of one.splits) {
      const own = rows.filter(({ split }) => split === name);
      assert.equal(own.length, test);
      const recalls = [...new Set(own.map((row) => row.class))].map((label) => {
        const all = own.filter((row) => row.class === label);
        return all.filter(({ predicted }) => predicted === label).length / all.length;
      });
      const recall = (100 * recalls.reduce((sum, value) => sum + value, 0)) / recalls.length;
      assert.ok(Math.abs(recall - figures['meanClassRecall']!) < 1e-9, `${name}: ${recall}`);
    }
  });
});
