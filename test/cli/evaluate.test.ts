import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Results } from '../../benchmarks/protocol/results.js';
import { svmOptions } from '../../src/classifiers/options.js';
import { parseOption } from '../../src/options.js';
import { clusters, makeStore } from '../benchmarks/stores.js';
import { verydeep, verydeepHere, withFolder } from '../support.js';

const withStore = <T>(use: (store: string, folder: string) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    const rows = clusters(['animals/cat', 'animals/dog', 'food/pie', 'food/tea'], 12, 0.4);
    const skipped = [{ id: 'food/tea/bad.jpg', path: 'food/tea/bad.jpg', reason: 'the file is empty' }];
    return use(await makeStore(join(folder, 'features'), rows, { skipped }), folder);
  });

describe('verydeep evaluate', () => {
  it('goes from descriptors to figures, a report and exit code 3 for skipped images', () =>
    withStore(async (store, folder) => {
      const out = join(folder, 'out');
      const args = ['evaluate', 'folder', '--features', store, '--train-per-class', '5', '--out', out];
      const { code, stdout, stderr } = await verydeep([...args, '--splits', '2', '--threads', '1', '--json']);
      assert.equal(code, 3, stderr);
      const results = JSON.parse(stdout) as Results;
      assert.equal(results.metric, 'meanClassRecall');
      assert.equal(results.splits.length, 2);
      const figures = results.splits.map((split) => split.figures['meanClassRecall']!);
      assert.ok(Math.abs(results.mean! - (figures[0]! + figures[1]!) / 2) < 1e-9);
      assert.ok(Math.abs(results.std! - Math.abs(figures[0]! - figures[1]!) / Math.SQRT2) < 1e-9);
      assert.ok(results.mean! > 50);
      assert.deepEqual(
        results.skipped.map(({ path }) => path),
        ['food/tea/bad.jpg'],
      );
      assert.match(stderr, /food\/tea\/bad.jpg: the file is empty/);
      assert.deepEqual(JSON.parse(await readFile(join(out, 'results.json'), 'utf8')), results);
      assert.match(await readFile(join(out, 'report.html'), 'utf8'), /this run, fc7 of net A/);

      const again = await verydeepHere(...args, '--splits', '2', '--json');
      assert.equal(again.code, 2);
      assert.match(again.stderr, /already holds results of these options. Add --resume/);
    }));

  it('takes weights of the sides as one number, two, or balanced', () => {
    const classWeights = (text: string) => parseOption('classWeight', svmOptions.classWeight, text);
    assert.deepEqual(classWeights('4'), { positive: 4, negative: 1 });
    assert.deepEqual(classWeights('4:0.5'), { positive: 4, negative: 0.5 });
    assert.equal(classWeights('balanced'), 'balanced');
    for (const text of ['0', '-1', 'NaN', '', '3:', 'even', '1:2:3'])
      assert.throws(() => classWeights(text), /for classWeight but received/);
  });

  it('splits subfolders of a class as wholes', () =>
    withStore(async (store, folder) => {
      const { code, stdout, stderr } = await verydeep(
        `evaluate folder --features ${store} --class-level 1 --keep-together 2 --train-per-class 12 --splits 1 --c 1 --class-weight 4:0.5 --threads 1 --json --quiet --out ${join(folder, 'out')}`.split(
          ' ',
        ),
      );
      assert.equal(code, 3, stderr);
      const results = JSON.parse(stdout) as Results;
      assert.deepEqual(results.classes, ['animals', 'food']);
      assert.deepEqual(results.svm['classWeights'], { positive: 4, negative: 0.5 });
      // One concept of twelve images trains, the other twelve test.
      assert.deepEqual([results.splits[0]!.train, results.splits[0]!.test], [24, 24]);
    }));

  for (const [what, args, message] of [
    [
      'weights and descriptors',
      ['folder', '--data', '.', '--backbone', 'builtin', '--features', '.'],
      /either weights or descriptors .*"both"/,
    ],
    [
      'an unknown benchmark',
      ['voc2006', '--data', '.'],
      /one of ilsvrc2012, ilsvrc2012-localisation, voc2007, .* but received "voc2006"/,
    ],
    ['no such folder of descriptors', ['folder', '--features', 'nowhere'], /nowhere/],
    ['a C that is not above 0', ['folder', '--features', '.', '--c', '0'], /above 0 for --c/],
  ] as const) {
    it(`refuses ${what} with one line and exit code 2`, () =>
      withFolder(async (folder) => {
        const { code, stderr } = await verydeep(['evaluate', ...args, '--out', 'out'], { cwd: folder });
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
        assert.equal(stderr.trim().split('\n').length, 1);
      }));
  }
});
