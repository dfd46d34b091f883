// A benchmark from start to end: images or descriptors, splits, SVMs, figures.
import type { Dataset, Item } from '../../src/datasets/dataset.js';
import type { OpenOptions } from '../../src/datasets/open.js';
import { allItems } from '../../src/datasets/items.js';
import { openDataset } from '../../src/datasets/open.js';
import { expected, option, UsageError } from '../../src/errors.js';
import type { BootstrapOptions } from '../../src/evaluation/statistics.js';
import type { OnProgress, Skipped } from '../../src/progress.js';
import type { Benchmark, OfficialRun, OfficialSplits, RandomSplits } from './benchmark.js';
import { drawSplit, evaluateSplits } from './caltech.js';
import { type Duplicate, duplicatesOf, refuseSharedIds } from './contamination.js';
import { type Descriptors, describedOf } from './descriptors.js';
import type { FitOptions } from './fit.js';
import { inPart } from './fit.js';
import { evaluateOfficial, missingSplits, refuseEmptyClasses } from './official.js';
import { atClassLevel, groupAt } from './levels.js';
import type { SplitOutcome } from './outcome.js';

/** How images are drawn by a random-split protocol. */
export interface SplitChoice {
  readonly trainPerClass?: number;
  readonly testPerClass?: number;
  readonly splits?: number;
  readonly classLevel?: number;
  readonly keepTogether?: number;
  readonly seed: number;
}

/** What a benchmark is run on and how. What is missing is as the benchmark says. */
export interface EvaluateOptions extends SplitChoice {
  readonly svm?: FitOptions;
  readonly bootstrap?: BootstrapOptions;
  readonly onProgress?: OnProgress;
}

/** What came out. */
export interface Evaluation {
  readonly benchmark: Benchmark;
  readonly dataset: Dataset;
  readonly descriptors: Descriptors;
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly images: number;
  readonly skipped: readonly Skipped[];
  readonly outcomes: readonly SplitOutcome[];
  /** Identical files across each split. */
  readonly duplicates: readonly (readonly Duplicate[])[];
}

/** A data set made of what a feature store knows: ids, paths and labels, no files. Skipped images have no label. */
const datasetOf = ({ stores: [store], skipped }: Descriptors): Dataset => {
  const item = (id: string, path: string, labels: readonly string[]): Item => ({
    id,
    path,
    source: { file: path },
    labels,
  });
  const described = store?.ids.map((id, row) => item(id, store.paths[row]!, store.labels[row]!)) ?? [];
  return {
    name: 'folder',
    root: '',
    classes: [...new Set(described.flatMap(({ labels }) => labels))].sort((a, b) => (a < b ? -1 : 1)),
    splits: { all: [...described, ...skipped.map(({ id, path }) => item(id, path, []))] },
    strays: [],
  };
};

/**
 * The data set of a benchmark.
 *
 * @param data its root; may be missing where the benchmark `folder` starts from descriptors, which know their labels
 * @throws UsageError when the root is missing or is not such a data set
 */
export const datasetFor = async (
  benchmark: Benchmark,
  data: string | undefined,
  open: OpenOptions = {},
  descriptors?: Descriptors,
): Promise<Dataset> => {
  if (data !== undefined) return openDataset(benchmark.dataset, data, open);
  if (benchmark.dataset === 'folder' && descriptors) return datasetOf(descriptors);
  throw expected(
    'a folder',
    option('data'),
    undefined,
    `It holds the images and lists of ${benchmark.title}.`,
  );
};

/** The numbers of a protocol with random splits: the benchmark's own, changed by the options. */
const numbersOf = (
  protocol: RandomSplits,
  { splits, trainPerClass, testPerClass }: SplitChoice,
): RandomSplits => ({
  ...protocol,
  ...(splits === undefined ? {} : { splits }),
  ...(trainPerClass === undefined ? {} : { trainPerClass }),
  ...(testPerClass === undefined ? {} : { testPerClass }),
});

const levelled = (items: readonly Item[], { classLevel }: SplitChoice): readonly Item[] =>
  classLevel === undefined ? items : atClassLevel(items, classLevel);

const drawnBy = (
  numbers: ReturnType<typeof numbersOf>,
  dataset: Dataset,
  { seed, keepTogether }: SplitChoice,
) => ({
  ...numbers,
  seed,
  ...(keepTogether === undefined ? {} : { groupOf: groupAt(dataset, keepTogether) }),
});

const randomSplits = async (
  benchmark: Benchmark & { readonly protocol: RandomSplits },
  dataset: Dataset,
  descriptors: Descriptors,
  options: EvaluateOptions,
): Promise<Omit<Evaluation, 'duplicates'>> => {
  const { classLevel, keepTogether, svm, bootstrap, onProgress } = options;
  const numbers = numbersOf(benchmark.protocol, options);
  const items = allItems(dataset);
  const { described, skipped } = describedOf(items, descriptors);
  const outcomes = await evaluateSplits(
    levelled(described, options),
    descriptors,
    drawnBy(numbers, dataset, options),
    { ...svm, ...(bootstrap ? { bootstrap } : {}), ...(onProgress ? { onProgress } : {}) },
  );
  return {
    benchmark,
    dataset,
    descriptors,
    protocol: {
      ...numbers,
      ...(classLevel === undefined ? {} : { classLevel }),
      ...(keepTogether === undefined ? {} : { keepTogether }),
    },
    images: items.length,
    skipped,
    outcomes,
  };
};

/** The items that a benchmark needs descriptors of. */
export const itemsFor = (benchmark: Benchmark, dataset: Dataset, options: SplitChoice): Item[] => {
  const { protocol } = benchmark;
  if (protocol.kind === 'random splits') {
    const items = allItems(dataset);
    // Too few images for the split are refused here, before hours of extraction.
    drawSplit(levelled(items, options), drawnBy(numbersOf(protocol, options), dataset, options), 0);
    return items;
  }
  const missing = missingSplits(dataset, protocol.runs, true);
  if (missing.length > 0) {
    throw new UsageError(
      `Expected the splits ${missing.join(', ')} of ${benchmark.title} in ${dataset.root} but they are not there. ` +
        'Add the archives or lists that hold them; `verydeep datasets check` names what is missing.',
    );
  }
  const runs = runsOf(protocol, dataset);
  runs.forEach((run) => refuseEmptyClasses(dataset, run));
  const names = runs.flatMap(({ train, test }) => [train, test]);
  return allItems({
    ...dataset,
    splits: Object.fromEntries(names.map((name) => [name, dataset.splits[name]!])),
  });
};

/** The runs whose splits are on disk. */
const runsOf = (protocol: OfficialSplits, dataset: Dataset): OfficialRun[] =>
  protocol.runs.filter((run) => missingSplits(dataset, [run]).length === 0);

const officialSplits = async (
  benchmark: Benchmark & { readonly protocol: OfficialSplits },
  dataset: Dataset,
  descriptors: Descriptors,
  options: EvaluateOptions,
): Promise<Omit<Evaluation, 'duplicates'>> => {
  const { protocol } = benchmark;
  const { seed, svm, bootstrap, onProgress } = options;
  const items = itemsFor(benchmark, dataset, options);
  const { skipped } = describedOf(items, descriptors);
  const runs = runsOf(protocol, dataset);
  const outcomes: SplitOutcome[] = [];
  for (const run of runs) {
    refuseSharedIds(dataset.splits[run.train]!, dataset.splits[run.test]!, run.test);
    outcomes.push(
      await evaluateOfficial(dataset, descriptors, protocol, run, {
        svm: inPart({ ...svm, ...(onProgress ? { onProgress } : {}) }, run.test),
        seed,
        ...(bootstrap ? { bootstrap } : {}),
      }),
    );
  }
  return {
    benchmark,
    dataset,
    descriptors,
    protocol: {
      kind: protocol.kind,
      averagePrecision: protocol.form,
      runs,
      ...(protocol.folds === undefined ? {} : { folds: protocol.folds }),
      missing: missingSplits(dataset, protocol.runs),
    },
    images: items.length,
    skipped,
    outcomes,
  };
};

/**
 * Runs a benchmark on descriptors.
 *
 * @throws UsageError for a data set or descriptors that are missing or do not fit, naming the file or option at fault
 */
export const evaluate = async (
  benchmark: Benchmark,
  dataset: Dataset,
  descriptors: Descriptors,
  options: EvaluateOptions,
): Promise<Evaluation> => {
  const { protocol } = benchmark;
  const evaluation =
    protocol.kind === 'random splits'
      ? await randomSplits({ ...benchmark, protocol }, dataset, descriptors, options)
      : await officialSplits({ ...benchmark, protocol }, dataset, descriptors, options);
  const duplicates = evaluation.outcomes.map(({ train, test, name }) => {
    refuseSharedIds(train, test, name);
    return duplicatesOf(train, test, descriptors);
  });
  return { ...evaluation, duplicates };
};
