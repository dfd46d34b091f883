// Splits that a data set gives itself, from its images to the table in the terminal: a CSV file, and VOC on val.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Results } from '../../benchmarks/protocol/results.js';
import { loadModel } from '../../src/classifiers/model-file.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { apOfFile } from '../benchmarks/ap-of-file.js';
import { randomBackbone, small } from '../features/nets.js';
import { makeCaltech } from '../fixtures/datasets/caltech.js';
import { makeVoc } from '../fixtures/datasets/voc.js';
import { verydeep } from '../support.js';

/** The cells of the terminal's table: the header, then rows of method, figure and remark. */
const rowsOf = (stdout: string): string[][] =>
  stdout
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('─'))
    .map((line) => line.trim().split(/ {2,}/));

describe('verydeep evaluate, splits that are given', function () {
  this.timeout(120_000);
  let folder: string;
  let net: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verydeep-splits-'));
    net = join(folder, 'net.safetensors');
    await randomBackbone(net, small({ blocks: 3, width: 1 / 32 }));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const evaluate = async (benchmark: string, data: string, name: string, ...more: string[]) => {
    const out = join(folder, name);
    const run = await verydeep([
      ...['evaluate', benchmark, '--data', data, '--backbone', net, '--layer', 'conv3', '--scales', '32'],
      ...[
        '--c',
        '10',
        '--resamples',
        '10',
        '--threads',
        '1',
        '--engine',
        'onnxruntime',
        '--out',
        out,
        ...more,
      ],
    ]);
    assert.equal(run.code, 0, run.stderr);
    const results = JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as Results;
    return { ...run, out, results };
  };
  const method = 'this run, conv3 of net A (width 0.0313, 3 blocks, input 32)';

  it('csv: images of the column "split" train and test, counted by hand; this run names layer and net', async () => {
    await makeCaltech(101, folder, { width: 48, perClass: 7 });
    const split = (number: number): string => (number <= 4 ? 'train' : number === 5 ? 'val' : 'test');
    const rows = ['ant', 'crab', 'sunflower'].flatMap((label) =>
      [1, 2, 3, 4, 5, 6, 7].map((number) => ({
        path: `101_ObjectCategories/${label}/image_000${number}.jpg`,
        label,
        split: split(number),
      })),
    );
    const lines = rows.map((row) => `${row.path},${row.label},${row.split}\n`);
    const table = join(folder, 'table.csv');
    await writeFile(table, `path,label,split\n${lines.join('')}`);
    const { stdout, out, results } = await evaluate('csv', table, 'csv', '--save-models');

    const [only, ...others] = results.splits;
    assert.equal(others.length, 0);
    assert.deepEqual([only!.name, only!.train, only!.test], ['test', 15, 6]);

    // The figure again, from the descriptors and weights on disk: the share of right test images of each class.
    const model = await loadModel(join(out, 'models/test.safetensors'));
    const store = await openFeatures([join(out, 'features')]);
    const { data, columns } = await store.read('conv3');
    const score = (image: string, c: number): number => {
      const at = store.paths.indexOf(image) * columns;
      const weights = model.weights.data.subarray(c * columns, (c + 1) * columns);
      return weights.reduce((sum, w, k) => sum + w * data[at + k]!, model.biases[c]!);
    };
    const recalls = model.classes.map((name, c) => {
      const own = rows.filter((row) => row.split === 'test' && row.label === name);
      const right = own.filter(({ path }) => {
        const scores = model.classes.map((_, other) => score(path, other));
        return scores[c] === Math.max(...scores);
      });
      return (100 * right.length) / own.length;
    });
    assert.deepEqual(
      only!.perClass.map(({ figures }) => figures['recall']),
      recalls,
    );
    const mean = recalls.reduce((a, b) => a + b) / 3;
    const [header, chance, ours] = rowsOf(stdout);
    assert.deepEqual(header, ['Method', 'mean class recall, %']);
    assert.deepEqual(chance, ['chance', '33.3']); // One of three classes.
    assert.deepEqual(ours, [method, mean.toFixed(1)]);
  });

  it('voc2007 --test-on val: trained on train alone, told apart from published figures in the terminal', async () => {
    await makeVoc(2007, folder, { width: 48, perClass: 1 });
    const { stdout, out, results } = await evaluate('voc2007', folder, 'voc2007', '--test-on', 'val');
    const [only, ...others] = results.splits;
    assert.equal(others.length, 0);
    // One image a class in each split, and the four of `train` that the fixture begins with.
    assert.deepEqual([only!.name, only!.train, only!.test], ['val', 24, 20]);
    for (const [c, name] of results.classes.entries()) {
      const ap = await apOfFile(folder, out, name, { split: 'val' });
      assert.ok(Math.abs(only!.perClass[c]!.figures['apAllPoints']! - ap) < 1e-9, name);
    }
    assertToldApart(rowsOf(stdout), results.mean!);
  });

  it('voc2012, whose figure is on val: told apart in the terminal too', async () => {
    await makeVoc(2012, folder, { width: 48, perClass: 1, perAction: 1 });
    const { stdout, out, results } = await evaluate('voc2012', folder, 'voc2012');
    const [val] = results.splits;
    for (const c of [0, 7]) {
      const ap = await apOfFile(folder, out, results.classes[c]!, { year: 2012, split: 'val' });
      assert.ok(Math.abs(val!.perClass[c]!.figures['ap']! - ap) < 1e-9);
    }
    assertToldApart(rowsOf(stdout), results.mean!);
  });

  /** Every published row says "on test"; ours says that it is on val, on other images. */
  const assertToldApart = ([, ...rows]: string[][], mean: number): void => {
    const at = rows.findIndex(([name]) => name === method);
    assert.deepEqual(rows[at], [method, mean.toFixed(1), "on val: other images than the published figures'"]);
    const [chance, ...published] = rows.slice(0, at);
    assert.equal(chance![0], 'chance');
    assert.equal(published.length, 7);
    for (const [name, figure, remark] of published)
      assert.match(remark ?? '', /(^|; )on test$/, `${name} ${figure}`);
  };
});
