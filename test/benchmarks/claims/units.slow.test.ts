// The claims, start to end, on a few drawn images: units by `verydeep`'s own commands, rows, the table, and going on later.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { type UnitRows, readTrials, unpackBits } from '../../../benchmarks/claims/rows.js';
import { Random } from '../../../src/random.js';
import { root } from '../../support.js';

const CLASSES = { n01443537: [220, 60, 30], n02124075: [60, 120, 90], n07747607: [40, 60, 220] } as const;
const TRAIN = 12;
const VALIDATION = 6;

const RECIPE = `
split: { train: 3, test: 4 }
net: { width: 0.0625, blocks: 2, input-size: 8, fully-connected: 16, init: he, batch: 9, epochs: 2, learning-rate: 0.01, schedule: cosine, train-side: 9 }
tests:
  one: { benchmark: ilsvrc2012, scales: '9', testing: both, crops: 2 }
  fc7: { benchmark: caltech101, scales: '9', train-per-class: 3, splits: 2 }
  split: { benchmark: caltech101-split, scales: '9' }
  pixels: { benchmark: caltech101, train-per-class: 3, splits: 2 }
units:
  A: { seeds: [1, 2], train: { config: A }, tests: [one, fc7, split] }
  A-untrained: { seeds: [1, 2], train: { config: A, epochs: 0 }, tests: [one] }
  both: { nets: [A, A-untrained], tests: [one] }
  pixels: { pixels: 4, tests: [pixels] }
  tuned: { train: { config: A, init-from: A, classes: new, epochs: 1 }, on: caltech101-split, tests: [split] }
claims:
  - { claim: training helps, section: '3', paper: none, better: A/one/dense, than: A-untrained/one/dense }
  - { claim: crops help, section: '4.3', paper: none, better: A/one/multi-crop & dense, than: A/one/dense }
  - { claim: nets help, section: B, paper: none, better: A/fc7, than: pixels/pixels }
  - { claim: tuning helps, section: B, paper: none, better: tuned/split, than: A/split }
  - { claim: two help, section: '4.4', paper: none, better: both/one/dense, than: A/one/dense }
`;

const draw = async (
  path: string,
  [r, g, b]: readonly [number, number, number],
  random: Random,
): Promise<void> => {
  const side = 16;
  const data = Uint8Array.from({ length: side * side * 3 }, (_, k) =>
    Math.min(255, Math.max(0, [r, g, b][k % 3]! + 60 * random.normal())),
  );
  await mkdir(join(path, '..'), { recursive: true });
  await sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ quality: 95 })
    .toFile(path);
};

/** Tiny ImageNet as published, and Caltech-101's layout with the same colours. */
const drawData = async (data: string): Promise<void> => {
  const tiny = join(data, 'tiny-imagenet-200');
  const annotations: string[] = [];
  for (const [c, [wnid, colour]] of Object.entries(CLASSES).entries()) {
    const random = new Random('claims', wnid);
    for (let i = 0; i < TRAIN; i++)
      await draw(join(tiny, 'train', wnid, 'images', `${wnid}_${i}.JPEG`), colour, random);
    for (let i = 0; i < VALIDATION; i++) {
      const name = `val_${VALIDATION * c + i}.JPEG`;
      await draw(join(tiny, 'val', 'images', name), colour, random);
      annotations.push(`${name}\t${wnid}\t0\t0\t9\t9\n`);
    }
    for (let i = 1; i <= 8; i++) {
      const name = `image_${String(i).padStart(4, '0')}.jpg`;
      await draw(join(data, 'caltech101', '101_ObjectCategories', `class${c}`, name), colour, random);
    }
  }
  await writeFile(join(tiny, 'wnids.txt'), Object.keys(CLASSES).join('\n'));
  await writeFile(
    join(tiny, 'words.txt'),
    Object.keys(CLASSES)
      .map((wnid, i) => `${wnid}\tname ${i}, with a comma\n`)
      .join(''),
  );
  await writeFile(join(tiny, 'val', 'val_annotations.txt'), annotations.join(''));
};

describe('claims, start to end', function () {
  this.timeout(300_000);
  let folder: string;
  const program = join(root, 'dist', 'benchmarks', 'claims', 'main.js');
  const claims = (...args: readonly string[]) => {
    const places = [
      '--data',
      join(folder, 'data'),
      '--recipe',
      join(folder, 'claims.yaml'),
      '--out',
      join(folder, 'out'),
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...places, ...args], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const rowsOf = async (unit: string) =>
    JSON.parse(await readFile(join(folder, 'out', 'rows', `${unit}.json`), 'utf8')) as UnitRows;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verydeep-claims-'));
    await drawData(join(folder, 'data'));
    await writeFile(join(folder, 'claims.yaml'), RECIPE);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('a unit that needs the net of another says which', () => {
    const { status, stderr } = claims('--unit', 'both');
    assert.equal(status, 1, stderr);
    assert.match(stderr, /Expected the net of the unit A in .*Run that unit first/);
  });

  it('runs its units, writes a row for each way of testing, and judges what was measured', async () => {
    for (const unit of ['A', 'A-untrained']) {
      const { status, stderr } = claims('--unit', unit);
      assert.equal(status, 0, stderr);
    }
    const { rows, training, minutes } = await rowsOf('A');
    assert.deepEqual(
      rows.map(({ test, way }) => [test, way]),
      [
        ['one', 'dense'],
        ['one', 'dense, soft-max first'],
        ['one', 'multi-crop'],
        ['one', 'multi-crop & dense'],
        ['fc7', ''],
        ['split', ''],
      ],
    );
    assert.equal(training!.epochs.length, 2);
    assert.ok(minutes >= 0);
    // The figures are those of the benchmarks' own results.
    const results = async (test: string) =>
      JSON.parse(await readFile(join(folder, 'out', 'A', 'tests', test, 'results.json'), 'utf8')) as {
        mean: number;
        rows: { name: string; top1Error: number }[];
      };
    for (const { name, top1Error } of (await results('one')).rows) {
      const row = rows.find(({ way }) => name === `A, ${way}`)!;
      assert.ok(
        Math.abs(row.recall - (100 - top1Error)) < 1e-3,
        `${name}: ${row.recall}, ${100 - top1Error}`,
      );
      assert.ok(row.low <= row.recall && row.recall <= row.high);
    }
    for (const test of ['fc7', 'split']) {
      const { mean } = await results(test);
      assert.ok(Math.abs(rows.find((row) => row.test === test)!.recall - mean) < 1e-9, test);
    }
    const trials = await readTrials(join(folder, 'out', 'rows'), rows[0]!.key);
    assert.equal(trials.length, 3 * VALIDATION);
    const right = unpackBits(rows[0]!.right, trials.length).reduce((sum, value) => sum + value, 0);
    assert.ok(Math.abs(rows[0]!.recall - (100 * right) / trials.length) < 1e-9);

    const { stdout } = claims('--table');
    const lines = stdout.split('\n').filter((line) => line.startsWith('|'));
    const line = (claim: string) => lines.find((own) => own.startsWith(`| ${claim} `))!;
    assert.match(
      line('training helps'),
      /^\| training helps \(3\) \| none \| \d+\.\d against \d+\.\d \| [+−][\d.]+ \([+−][\d.]+ to [+−][\d.]+\) \| 1 \| \*\*(holds|does not|undecided)\*\* \|$/,
    );
    assert.match(line('crops help'), /\*\*/);
    for (const claim of ['nets help', 'tuning helps', 'two help']) assert.match(line(claim), /not run yet/);
  });

  it('goes on with what is left, and runs nothing twice', async () => {
    const before = await readFile(join(folder, 'out', 'rows', 'A.json'), 'utf8');
    const { status, stdout, stderr } = claims();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^A is done\.$/m);
    assert.equal(await readFile(join(folder, 'out', 'rows', 'A.json'), 'utf8'), before);
    assert.ok(!stdout.includes('not run yet'), stdout);
    assert.match(stdout, /training helps .* \| 2 \|/);
    assert.equal(await readFile(join(folder, 'out', 'claims.md'), 'utf8'), stdout);
    assert.ok(!existsSync(join(folder, 'out', 'pixels', 'pixels.csv')));
    const listed = claims('--list').stdout;
    assert.deepEqual(
      [...listed.matchAll(/: (.*)/g)].map(([, state]) => state),
      Array(7).fill('done'),
    );
  });

  it('rows of another plan are not used', async () => {
    await writeFile(
      join(folder, 'claims.yaml'),
      RECIPE.replace('learning-rate: 0.01', 'learning-rate: 0.02'),
    );
    const listed = claims('--list').stdout;
    assert.match(listed, /^A: to do$/m);
    assert.match(listed, /^pixels: to do$/m);
  });
});
