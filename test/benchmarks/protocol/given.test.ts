// Training and test images that a data set gives itself, int8's calibration images, and what is said of both.
import assert from 'node:assert/strict';
import { caltech101 } from '../../../benchmarks/caltech101.js';
import { csv } from '../../../benchmarks/csv.js';
import { folder } from '../../../benchmarks/folder.js';
import { alike } from '../../../benchmarks/protocol/alike.js';
import { calibrating } from '../../../benchmarks/protocol/calibration.js';
import { foldsFor } from '../../../benchmarks/protocol/caltech.js';
import type { Descriptors } from '../../../benchmarks/protocol/descriptors.js';
import { itemsFor, splitsOf } from '../../../benchmarks/protocol/evaluate.js';
import { resolveBenchmark } from '../../../benchmarks/protocol/given.js';
import { comparisonRows, intervalText } from '../../../benchmarks/report/comparison.js';
import { publishedErrors } from '../../../benchmarks/ilsvrc/published.js';
import type { Results } from '../../../benchmarks/protocol/results.js';
import { voc2007 } from '../../../benchmarks/voc2007.js';
import type { Dataset, Item } from '../../../src/datasets/dataset.js';
import { render } from '../../../src/errors.js';

const items = (split: string, count: number, labels: readonly string[] = ['a', 'b']): Item[] =>
  Array.from({ length: count }, (_, i): Item => {
    const id = `${split}/${i}.png`;
    return { id, path: id, source: { file: id }, labels: [labels[i % labels.length]!] };
  });
const dataset = (splits: Record<string, Item[]>, name = 'folder'): Dataset => ({
  name,
  root: '/photos',
  classes: ['a', 'b'],
  splits,
  strays: [],
});
const numbers = { seed: 1 };

describe('given splits', () => {
  const given = dataset({ train: items('train', 20), val: items('val', 6), test: items('test', 10) });

  it('train on train and val, choose C on val, test on test', () => {
    const { benchmark, remarks } = resolveBenchmark(folder, given, {});
    assert.deepEqual(remarks, []);
    const [split, ...others] = splitsOf(benchmark, given, numbers);
    assert.equal(others.length, 0);
    assert.deepEqual([split!.train.length, split!.test.length, split!.validation!.items.length], [26, 10, 6]);
    assert.ok(split!.test.every(({ id }) => id.startsWith('test/')));
    assert.equal(itemsFor(benchmark, given).length, 36);
  });

  it('test on val where that is asked for, trained on train alone', () => {
    const { benchmark } = resolveBenchmark(folder, given, { testOn: 'val' });
    const [split] = splitsOf(benchmark, given, numbers);
    assert.deepEqual([split!.train.length, split!.test.length], [20, 6]);
    assert.throws(
      () => resolveBenchmark(folder, dataset({ all: items('all', 9) }), { testOn: 'val' }),
      /testOn/,
    );
  });

  it('are pooled, in a sentence, where numbers of a draw are given', () => {
    const { benchmark, remarks } = resolveBenchmark(folder, given, { trainPerClass: 5 });
    assert.equal(benchmark, folder);
    assert.match(
      remarks.map((remark) => render(remark)).join(),
      /train, val, test of the data set are pooled/,
    );
    assert.deepEqual(resolveBenchmark(folder, dataset({ all: items('all', 9) }), {}).remarks, []);
  });

  it('of a table with several labels are measured by average precision', () => {
    const several = dataset({ train: items('train', 20), test: items('test', 10) }, 'csv');
    (several.splits['test'] as Item[])[0] = { ...several.splits['test']![0]!, labels: ['a', 'b'] };
    const { benchmark } = resolveBenchmark(csv, several, {});
    assert.equal(benchmark.metric, 'mAP');
    assert.equal(benchmark.protocol.kind, 'official splits');
  });

  it('refuse a class that is tested and not trained', () => {
    const foreign = dataset({ train: items('train', 20), test: items('test', 4, ['a', 'c']) });
    const { benchmark } = resolveBenchmark(folder, foreign, {});
    assert.throws(() => splitsOf(benchmark, foreign, numbers), /test\/1\.png of the class c/);
  });

  it('of VOC 2007 let val be tested, and say that published figures are for test', () => {
    const { benchmark } = resolveBenchmark(voc2007, given, { testOn: 'val' });
    assert.deepEqual(benchmark.protocol.kind === 'official splits' && benchmark.protocol.runs, [
      { train: 'train', test: 'val', choose: { share: 0.2 }, scored: true },
    ]);
    assert.match(benchmark.notes.join(), /ours are for val/);
  });
});

describe('a table of figures', () => {
  const results = (part: Partial<Results>): Results =>
    ({
      mean: 50,
      std: 0,
      metric: 'mAP',
      splits: [{ name: 'val', figures: { mAP: 50 }, interval: { low: 1, high: 2 } }],
      published: [{ method: 'VGG D', mean: 89.3 }],
      backbones: [{ sha256: '', config: 'E' }],
      descriptors: { layer: 'conv3' },
      ...part,
    }) as unknown as Results;

  it('names layer and net of this run, and what sets the net apart', () => {
    const row = (part: Partial<Results>) => comparisonRows(results(part)).at(-1)!;
    assert.equal(row({}).method, 'this run, conv3 of net E');
    const small = [{ sha256: '', config: 'A', width: 0.25, blocks: 4, inputSize: 64 }];
    assert.equal(
      row({ backbones: small }).method,
      'this run, conv3 of net A (width 0.25, 4 blocks, input 64)',
    );
  });

  it('says so where ours is on val and theirs on test', () => {
    const [theirs, ours] = comparisonRows(results({ publishedOn: 'test' }));
    assert.equal(theirs!.note, 'on test');
    assert.match(ours!.note, /^on val: other images/);
    assert.equal(comparisonRows(results({}))[0]!.note, '');
  });

  it('says what intervals cover', () => {
    assert.match(intervalText('mAP', results({}).splits), /test images alone/);
    const both = [{ ...results({}).splits[0]!, figures: { mAP: 50, mAPAllPoints: 49 } }];
    assert.match(intervalText('mAP', both), /11-point form is biased upwards/);
  });

  it('has both of GoogLeNet’s columns', () => {
    const [one, seven] = publishedErrors.filter(({ method }) => method.startsWith('GoogLeNet'));
    assert.deepEqual([one!.top5, one!.testTop5, seven!.top5, seven!.testTop5], [7.9, 7.9, 6.7, 6.7]);
  });
});

describe('choice of C and calibration', () => {
  it('takes five folds where a class has few images, as many as there are of fewer', () => {
    const each = (count: number) => items('x', 2 * count);
    assert.equal(foldsFor(each(60), 50), undefined);
    assert.equal(foldsFor(each(30), 50), 5);
    assert.equal(foldsFor(each(3), 50), 3);
    assert.equal(foldsFor(each(1), 50), undefined);
    assert.equal(foldsFor(each(30), undefined), undefined);
    assert.ok(!('foldsBelow' in caltech101.protocol), 'the paper holds a fifth out');
  });

  it('calibrates int8 on training images that no split tests', () => {
    const all = items('x', 8);
    const split = (train: Item[], test: Item[]) => ({ name: 's', train, test });
    const free = calibrating([
      split(all.slice(0, 4), all.slice(4)),
      split([...all.slice(2, 4), ...all.slice(6)], [...all.slice(0, 2), ...all.slice(4, 6)]),
    ]);
    assert.deepEqual(free, all.slice(2, 4));
    assert.throws(
      () => calibrating([split(all.slice(0, 4), all.slice(4)), split(all.slice(4), all.slice(0, 4))]),
      /calibration/,
    );
  });

  it('tells of descriptors that are all alike', async () => {
    const made = (value: (row: number) => number): Descriptors =>
      ({
        has: () => true,
        read: (asked: readonly Item[]) =>
          Promise.resolve({
            rows: asked.length,
            columns: 2,
            data: Float32Array.from({ length: 2 * asked.length }, (_, i) => value(i >> 1)),
          }),
      }) as unknown as Descriptors;
    assert.match(
      String(
        await alike(
          made(() => 0.7),
          items('x', 600),
        ),
      ),
      /256 training images are all alike/,
    );
    assert.deepEqual(
      await alike(
        made((row) => row),
        items('x', 600),
      ),
      [],
    );
  });
});
