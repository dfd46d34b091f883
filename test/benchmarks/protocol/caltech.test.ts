import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  type CaltechProtocol,
  evaluateSplit,
  evaluateSplits,
  predictionsOf,
  recallMetric,
} from '../../../benchmarks/protocol/caltech.js';
import { openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { decisionValues } from '../../../src/classifiers/model.js';
import { trainOneVsRest } from '../../../src/classifiers/train.js';
import { standardDeviation } from '../../../src/evaluation/statistics.js';
import { withFolder } from '../../support.js';
import { type MadeRow, clusters, makeStore } from '../stores.js';

const itemsOf = (rows: readonly MadeRow[]) =>
  rows.map(({ id, labels }) => ({ id, path: id, source: { file: id }, labels }));
const protocol: CaltechProtocol = { splits: 3, trainPerClass: 10, validationShare: 0.2, seed: 1 };

const evaluateRows = (rows: readonly MadeRow[], settings: CaltechProtocol = protocol, index = 0) =>
  withFolder(async (folder) => {
    const descriptors = await openDescriptors([await makeStore(join(folder, 'a'), rows)]);
    return evaluateSplit(itemsOf(rows), descriptors, settings, index, {
      threads: 1,
      bootstrap: { resamples: 200 },
    });
  });

/** All-points average precision where the ten rows from `first` on are the positive ones. */
const averagePrecisionOf = (scores: readonly number[], first: number): number => {
  const ranked = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
  const ranks = ranked.flatMap((row, i) => (row >= first && row < first + 10 ? [i + 1] : []));
  const precisions = ranks.map((rank, found) => (found + 1) / rank);
  return precisions.reduce((sum, _, i) => sum + Math.max(...precisions.slice(i)), 0) / 10;
};

describe('Caltech protocol', () => {
  it('finds classes that are apart, and chance where labels say nothing', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const apart = await evaluateRows(clusters(names, 25, 0.05));
    assert.equal(apart.figures['meanClassRecall'], 100);
    assert.equal(apart.train.length, 40);
    assert.equal(apart.test.length, 60);
    // Pure noise: 60 test images, four classes: 25 % to four standard errors.
    const noise = clusters(['a'], 100, 1).map((row, i) => ({
      ...row,
      id: `${names[i % 4]}/${i}`,
      labels: [names[i % 4]!],
    }));
    const chance = await evaluateRows(noise);
    assert.ok(Math.abs(chance.figures['meanClassRecall']! - 25) < 4 * 100 * Math.sqrt(0.1875 / 60));
    const { low, high } = chance.interval!;
    assert.ok(low < chance.figures['meanClassRecall']! && chance.figures['meanClassRecall']! < high);
    assert.ok(high - low > 10 && high - low < 40);
  });

  it('weighs classes, not images, and limits test images a class', async () => {
    const rows = [...clusters(['a'], 60, 0.6), ...clusters(['a', 'b', 'c'], 14, 0.6, 2).slice(14)];
    const outcome = await evaluateRows(rows, { ...protocol, testPerClass: 20 });
    assert.deepEqual(
      outcome.perClass.map(({ train, test }) => [train, test]),
      [
        [10, 20],
        [10, 4],
        [10, 4],
      ],
    );
    const recalls = outcome.perClass.map(({ figures }) => figures['recall']!);
    assert.ok(Math.abs(outcome.figures['meanClassRecall']! - recalls.reduce((a, b) => a + b) / 3) < 1e-9);
    assert.ok(standardDeviation(recalls) > 0);
  });

  it('gives the same figures twice and other splits for another index', async () => {
    const rows = clusters(['a', 'b', 'c'], 20, 0.7);
    const [one, again, other] = [
      await evaluateRows(rows),
      await evaluateRows(rows),
      await evaluateRows(rows, protocol, 1),
    ];
    assert.deepEqual(again.figures, one.figures);
    assert.deepEqual([...again.scores.data], [...one.scores.data]);
    assert.notDeepEqual(
      other.train.map(({ id }) => id),
      one.train.map(({ id }) => id),
    );
  });

  it('chooses C on training images only: test images change nothing', async () => {
    const rows = clusters(['a', 'b', 'c'], 20, 0.7);
    const one = await evaluateRows(rows);
    const tested = new Set(one.test.map(({ id }) => id));
    const spoilt = rows.map((row) =>
      tested.has(row.id) ? { ...row, descriptor: row.descriptor.map((value) => -value) } : row,
    );
    const two = await evaluateRows(spoilt);
    assert.deepEqual(two.selection, one.selection);
    assert.deepEqual([...two.model.weights.data], [...one.model.weights.data]);
    assert.notDeepEqual(two.figures, one.figures);
  });

  it('says that C cannot be validated with one training image a class', async () => {
    await assert.rejects(
      evaluateRows(clusters(['a', 'b'], 5, 0.1), { ...protocol, trainPerClass: 1 }),
      /give C itself with c/,
    );
  });

  it("gives each class the C that its own SVM's average precision is best at, whatever the others' recalls are", () =>
    withFolder(async (folder) => {
      const names = ['a', 'b', 'c'];
      const rows = clusters(names, 30, 0.6);
      const part = (from: number, to: number) =>
        itemsOf(names.flatMap((_, c) => rows.slice(30 * c + from, 30 * c + to)));
      const [fitted, held, test] = [part(0, 10), part(10, 20), part(20, 30)];
      const descriptors = await openDescriptors([await makeStore(join(folder, 'a'), rows)]);
      const cGrid = [0.01, 0.1, 1, 10, 100];
      const svm = { threads: 1, tolerance: 1e-6 };
      const [{ selection, choice } = {}] = await evaluateSplits(
        [{ name: 'split 1', train: [...fitted, ...held], test, validation: { name: 'val', items: held } }],
        descriptors,
        { validationShare: 0.2, seed: 1 },
        { ...svm, cGrid, cPerClass: true, bootstrap: { resamples: 10 } },
      );
      // Each class's figures at each C, from scores of SVMs trained on the first ten images of each class.
      const labels = names.map((name) => ({
        name,
        labels: Int8Array.from(fitted, (item) => (item.labels[0] === name ? 1 : -1)),
      }));
      const matrix = await descriptors.read(fitted);
      const figures: Record<'ap' | 'recall', number[]>[] = [];
      for (const C of cGrid) {
        const scores = decisionValues(
          await trainOneVsRest(matrix, labels, C, svm),
          await descriptors.read(held),
        );
        const predicted = predictionsOf(scores);
        figures.push({
          ap: names.map((_, c) =>
            averagePrecisionOf(
              held.map((__, i) => scores.data[3 * i + c]!),
              10 * c,
            ),
          ),
          recall: names.map(
            (_, c) => predicted.slice(10 * c, 10 * c + 10).filter((own) => own === c).length / 10,
          ),
        });
      }
      selection!.curve.forEach(({ perClass }, at) =>
        perClass.forEach((ap, c) => assert.ok(Math.abs(ap - figures[at]!.ap[c]!) < 1e-9)),
      );
      const bestBy = (figure: 'ap' | 'recall') =>
        names.map((_, c) => {
          const values = figures.map((own) => own[figure][c]!);
          const best = cGrid.filter((__, at) => values[at]! > Math.max(...values) - 1e-9);
          return best[(best.length - 1) >> 1]!;
        });
      assert.deepEqual(selection!.C, bestBy('ap'));
      assert.notDeepEqual(selection!.C, bestBy('recall'), 'recall would choose others');
      assert.deepEqual(choice, { metric: 'mAP', on: 'val' });
    }));

  it('measures recall a class from labels of one against the rest', () => {
    const scores = { rows: 3, columns: 2, data: Float32Array.of(2, 1, 0, 1, 5, 3) };
    const labels = [Int8Array.of(1, 1, -1), Int8Array.of(-1, -1, 1)];
    assert.deepEqual(recallMetric(scores, labels), [0.5, 0]);
  });
});
