// Rows of one group stay together where C is chosen, by a part held out or by folds, and in Platt's folds.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { OfficialRun, OfficialSplits } from '../../../benchmarks/protocol/benchmark.js';
import { evaluateSplits } from '../../../benchmarks/protocol/caltech.js';
import { csv } from '../../../benchmarks/csv.js';
import { openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { evaluate } from '../../../benchmarks/protocol/evaluate.js';
import type { FitOptions } from '../../../benchmarks/protocol/fit.js';
import { resolveBenchmark } from '../../../benchmarks/protocol/given.js';
import { groupAt } from '../../../benchmarks/protocol/levels.js';
import { evaluateOfficial } from '../../../benchmarks/protocol/official.js';
import type { SplitOutcome } from '../../../benchmarks/protocol/outcome.js';
import type { Dataset, Item } from '../../../src/datasets/dataset.js';
import { withFolder } from '../../support.js';
import { makeStore } from '../stores.js';

// Each group has an axis of its own. An SVM that has not seen the group gives its rows the bias, all the same: a tie,
// whatever C is. One that has seen a row of the group ranks the group's others, and there is no tie.
const GROUPS = 12;
const svm: FitOptions = { threads: 1, cGrid: [0.1, 1, 10] };
const bootstrap = { resamples: 10 };

const axis = (group: number): number[] =>
  Array.from({ length: GROUPS }, (_, column) => Number(column === group));
const itemOf = (id: string, labels: readonly string[]): Item => ({
  id,
  path: id,
  source: { file: id },
  labels,
});

/** Runs `use` with descriptors in which every item of a group is the group's axis. */
const described = <T>(
  items: readonly Item[],
  groupOf: (item: Item) => number,
  use: (descriptors: Awaited<ReturnType<typeof openDescriptors>>) => Promise<T>,
): Promise<T> =>
  withFolder(async (folder) => {
    const rows = items.map((item) => ({ id: item.id, labels: item.labels, descriptor: axis(groupOf(item)) }));
    return use(await openDescriptors([await makeStore(join(folder, 'a'), rows)]));
  });

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

/** The figure of every C is `wanted`. */
const assertFlat = ({ selection }: SplitOutcome, wanted: number): void => {
  assert.equal(selection!.curve.length, 3);
  for (const { C, mean: figure } of selection!.curve)
    assert.ok(Math.abs(figure - wanted) < 1e-9, `C ${C}: ${figure} in place of ${wanted}`);
};

/** Sigmoids that give every row a half: half of the rows are positive, and decision values tell nothing. */
const assertNoSlope = ({ model }: SplitOutcome): void => {
  assert.equal(model.sigmoids!.length, 2);
  for (const { a, b } of model.sigmoids!) assert.ok(Math.abs(a) < 1e-6 && Math.abs(b) < 1e-6, `${a} ${b}`);
};

describe('persons of one image', () => {
  // Two persons an image: the first jumps, the second reads.
  const persons = Array.from({ length: GROUPS }, (_, i) => [
    itemOf(`${String(i).padStart(4, '0')}#1`, ['jumping']),
    itemOf(`${String(i).padStart(4, '0')}#2`, ['reading']),
  ]).flat();
  const dataset: Dataset = {
    name: 'voc2012-action',
    root: '/voc',
    classes: ['jumping', 'reading'],
    splits: { train: persons, val: persons },
    strays: [],
  };
  const run: OfficialRun = { train: 'train', test: 'val', choose: { share: 0.2 }, scored: true };
  const protocol: OfficialSplits = { kind: 'official splits', runs: [run], form: 'all-points', both: false };
  const evaluated = (more: FitOptions): Promise<SplitOutcome> =>
    described(
      persons,
      ({ id }) => Number(id.split('#')[0]),
      (descriptors) =>
        evaluateOfficial(dataset, descriptors, protocol, run, {
          svm: { ...svm, ...more },
          seed: 1,
          bootstrap,
        }),
    );

  /** AP of n images' persons in a tie: the one who jumps comes first in each image, the one who reads second. */
  const tied = (images: number): number =>
    mean([mean(Array.from({ length: images }, (_, i) => (i + 1) / (2 * i + 1))), 1 / 2]);

  it('are held out together to choose C: a fifth of 24 persons is three images', async () => {
    assertFlat(await evaluated({}), tied(3));
  });

  it('stand in one fold: four images in each of three', async () => {
    assertFlat(await evaluated({ cFolds: 3 }), tied(4));
  });

  it("stand in one of Platt's folds", async () => {
    assertNoSlope(await evaluated({ c: 10, calibrate: true }));
  });
});

describe('images of one folder that are kept together', () => {
  // Six folders of each class, two images in each.
  const images = Array.from({ length: GROUPS }, (_, i) => {
    const label = `${i % 2 === 0 ? 'cat' : 'dog'}/${String(i).padStart(2, '0')}`;
    return [itemOf(`${label}/0.png`, [label]), itemOf(`${label}/1.png`, [label])];
  }).flat();
  const dataset: Dataset = {
    name: 'folder',
    root: '/photos',
    classes: ['cat', 'dog'],
    splits: { all: images },
    strays: [],
  };
  const train = images.map((item) => ({ ...item, labels: [item.labels[0]!.split('/')[0]!] }));
  const groupOf = groupAt(dataset, 2);
  const evaluated = async (more: FitOptions): Promise<SplitOutcome> => {
    const [outcome] = await described(
      train,
      ({ id }) => Number(id.split('/')[1]),
      (descriptors) =>
        evaluateSplits(
          [{ name: 'split 1', train, test: train }],
          descriptors,
          { validationShare: 0.2, seed: 1, groupOf },
          { ...svm, bootstrap, ...more },
        ),
    );
    return outcome!;
  };

  it('are so in the part held out and in the folds that choose C: one class is right, the other wrong', async () => {
    assertFlat(await evaluated({}), 1 / 2);
    assertFlat(await evaluated({ cFolds: 3 }), 1 / 2);
  });

  it("are so in Platt's folds", async () => {
    assertNoSlope(await evaluated({ c: 10, calibrate: true }));
  });
});

describe('images of a table that are kept together', () => {
  // Folders of two images, one with both labels and one with the second alone.
  const inFolder = (split: string): Item[] =>
    Array.from({ length: GROUPS }, (_, i) => [
      itemOf(`${split}/${String(i).padStart(2, '0')}/0.png`, ['day']),
      itemOf(`${split}/${String(i).padStart(2, '0')}/1.png`, ['night', 'rain']),
    ]).flat();
  const dataset: Dataset = {
    name: 'csv',
    root: '/table.csv',
    classes: ['day', 'night', 'rain'],
    splits: { train: inFolder('a'), test: inFolder('b') },
    strays: [],
  };
  const all = [...dataset.splits['train']!, ...dataset.splits['test']!];

  it('are grouped by the folders of their paths, with several labels too', async () => {
    const { benchmark, dataset: own } = resolveBenchmark(csv, dataset, {});
    assert.equal(benchmark.protocol.kind, 'official splits');
    const { outcomes } = await described(
      all,
      ({ id }) => Number(id.split('/')[1]),
      (descriptors) =>
        evaluate(benchmark, own, descriptors, {
          seed: 1,
          bootstrap,
          keepTogether: 2,
          svm: { ...svm, cFolds: 3 },
        }),
    );
    // In a tie of four folders: the first image of each is day, the second night and rain.
    const first = mean([1, 2 / 3, 3 / 5, 4 / 7]);
    assertFlat(outcomes[0]!, mean([first, 1 / 2, 1 / 2]));
  });
});
