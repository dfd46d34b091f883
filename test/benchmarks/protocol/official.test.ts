import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { OfficialSplits } from '../../../benchmarks/protocol/benchmark.js';
import { type Descriptors, openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { evaluate, itemsFor } from '../../../benchmarks/protocol/evaluate.js';
import { evaluateOfficial } from '../../../benchmarks/protocol/official.js';
import { voc2007 } from '../../../benchmarks/voc2007.js';
import { voc2012 } from '../../../benchmarks/voc2012.js';
import type { Dataset } from '../../../src/datasets/dataset.js';
import { averagePrecision } from '../../../src/evaluation/average-precision.js';
import { withFolder } from '../../support.js';
import { type MadeRow, makeStore } from '../stores.js';
import { vocLike } from '../voc-like.js';

const protocol = voc2007.protocol as OfficialSplits;
const [run] = protocol.runs;
const options = { seed: 1, bootstrap: { resamples: 50 } };

const withDescriptors = <T>(rows: readonly MadeRow[], use: (descriptors: Descriptors) => Promise<T>) =>
  withFolder(async (folder) => use(await openDescriptors([await makeStore(join(folder, 'a'), rows)])));

const evaluateRows = (dataset: Dataset, rows: readonly MadeRow[], svm = {}) =>
  withDescriptors(rows, (descriptors) =>
    evaluateOfficial(dataset, descriptors, protocol, run!, { ...options, svm: { threads: 1, ...svm } }),
  );

describe('official splits', () => {
  const { dataset, rows } = vocLike();

  it('reports both forms of average precision of the scores, difficult images on neither side', async () => {
    const outcome = await evaluateRows(dataset, rows);
    const test = dataset.splits['test']!;
    for (const [c, name] of dataset.classes.entries()) {
      const scores = test.map((_, i) => outcome.scores.data[i * 3 + c]!);
      const labels = test.map(({ labels: own, ignored }) =>
        own.includes(name) ? 1 : ignored?.includes(name) ? 0 : -1,
      );
      const { ap, apAllPoints } = outcome.perClass[c]!.figures;
      assert.equal(ap, 100 * averagePrecision(scores, labels, '11-point'));
      assert.equal(apAllPoints, 100 * averagePrecision(scores, labels, 'all-points'));
    }
    const mean = outcome.perClass.reduce((sum, { figures }) => sum + figures['ap']!, 0) / 3;
    assert.ok(Math.abs(outcome.figures['mAP']! - mean) < 1e-9);
    assert.ok(mean > 45, `${mean}`); // A third of the images that count are positive.
    assert.ok(outcome.interval!.low < mean && mean < outcome.interval!.high);
  });

  it('chooses C by train → val and fits on trainval: test images change neither', async () => {
    const tested = new Set(dataset.splits['test']!.map(({ id }) => id));
    const spoilt = rows.map((row) =>
      tested.has(row.id) ? { ...row, descriptor: row.descriptor.map((value) => -value) } : row,
    );
    // With smaller C a class's weights are all but zero, and its order of images is noise.
    const svm = { cGrid: [1, 10, 100] };
    const [one, two] = [await evaluateRows(dataset, rows, svm), await evaluateRows(dataset, spoilt, svm)];
    assert.deepEqual(two.selection, one.selection);
    assert.deepEqual([...two.model.weights.data], [...one.model.weights.data]);
    assert.equal(one.train.length, 120);
    // The curve is what training on `train` alone gives on `val`: images of val do not train it.
    const val = new Set(dataset.splits['val']!.map(({ id }) => id));
    const turned = rows.map((row) =>
      val.has(row.id) ? { ...row, descriptor: row.descriptor.map((value) => -value) } : row,
    );
    const three = await evaluateRows(dataset, turned, svm);
    assert.ok(three.selection!.curve.every(({ mean }, i) => mean < one.selection!.curve[i]!.mean));
  });

  it('leaves an image with only difficult objects of a class out of its training', async () => {
    const difficult = dataset.splits['train']!.find(({ ignored }) => ignored?.includes('cat'))!;
    const changed = rows.map((row) =>
      row.id === difficult.id ? { ...row, descriptor: [0, 1, 0, 0, 0] } : row,
    );
    const [one, two] = [
      await evaluateRows(dataset, rows, { c: 1 }),
      await evaluateRows(dataset, changed, { c: 1 }),
    ];
    const weights = ({ model }: typeof one, c: number) => [...model.weights.data.subarray(5 * c, 5 * c + 5)];
    assert.deepEqual(weights(two, 1), weights(one, 1));
    const other = ['bird', 'dog'].find((name) => !difficult.ignored?.includes(name))!;
    assert.notDeepEqual(
      weights(two, dataset.classes.indexOf(other)),
      weights(one, dataset.classes.indexOf(other)),
    );
  });

  it('ranks a test image without a descriptor last', async () => {
    const lost = dataset.splits['test']!.find(({ labels }) => labels.includes('cat'))!;
    const outcome = await evaluateRows(
      dataset,
      rows.filter(({ id }) => id !== lost.id),
      { c: 1 },
    );
    const at = dataset.splits['test']!.indexOf(lost);
    assert.equal(outcome.scores.data[at * 3], -Infinity);
    const whole = await evaluateRows(dataset, rows, { c: 1 });
    assert.ok(outcome.perClass[1]!.figures['ap']! <= whole.perClass[1]!.figures['ap']!);
  });

  it('names a class without positives among the test images', async () => {
    const test = dataset.splits['test']!.filter(({ labels }) => !labels.includes('dog'));
    await assert.rejects(
      evaluateRows({ ...dataset, splits: { ...dataset.splits, test } }, rows),
      /split test of \/voc but there is none of dog/,
    );
  });

  it('names every split that is missing on disk', () => {
    const { train } = dataset.splits;
    assert.throws(
      () => itemsFor(voc2007, { ...dataset, splits: { train: train! } }),
      /Expected the splits trainval, test, val of PASCAL VOC 2007 classification in \/voc/,
    );
  });

  it('refuses an image that trains and tests', async () => {
    const { trainval, test } = dataset.splits;
    const spoilt = { ...dataset, splits: { ...dataset.splits, test: [...test!, trainval![3]!] } };
    await withDescriptors(rows, async (descriptors) => {
      await assert.rejects(
        evaluate(voc2007, spoilt, descriptors, { seed: 1 }),
        /1 of test are in both \(000003\)/,
      );
    });
  });

  it('evaluates 2012 on val without the test images, with a part of train choosing C', async () => {
    const local = vocLike({ train: 80, val: 60, test: 0 });
    await withDescriptors(local.rows, async (descriptors) => {
      const { outcomes, protocol: used } = await evaluate(voc2012, local.dataset, descriptors, {
        seed: 1,
        bootstrap: { resamples: 20 },
      });
      assert.deepEqual(
        outcomes.map(({ name, train, test }) => [name, train.length, test.length]),
        [['val', 80, 60]],
      );
      assert.deepEqual(used['missing'], ['test']);
      assert.deepEqual(Object.keys(outcomes[0]!.figures), ['mAP']);
    });
  });
});
