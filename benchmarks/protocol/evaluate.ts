// A benchmark from start to end: images or descriptors, splits, SVMs, figures.
import { withParameter } from '../../src/classifiers/classifier.js';
import type { Dataset, Item } from '../../src/datasets/dataset.js';
import type { OpenOptions } from '../../src/datasets/open.js';
import { allItems } from '../../src/datasets/items.js';
import { openDataset } from '../../src/datasets/open.js';
import { type Message, expected, option, text, UsageError } from '../../src/errors.js';
import type { BootstrapOptions } from '../../src/evaluation/statistics.js';
import type { OnProgress, Skipped } from '../../src/progress.js';
import { alike } from './alike.js';
import type { Benchmark, GivenSplits, OfficialRun, OfficialSplits, RandomSplits } from './benchmark.js';
import { type DrawnSplit, drawSplit, evaluateSplits } from './caltech.js';
import { type Duplicate, duplicatesOf, refuseSharedIds } from './contamination.js';
import { type Descriptors, describedOf } from './descriptors.js';
import type { FitOptions } from './fit.js';
import { inPart } from './fit.js';
import { evaluateOfficial, missingSplits, refuseEmptyClasses } from './official.js';
import { atClassLevel, groupAt } from './levels.js';
import type { SplitOutcome } from './outcome.js';
import { type SeenByNets, type SeenTest, refuseSeen, seenTest } from './seen.js';

/** How images are drawn by a random-split protocol. */
interface SplitChoice {
  readonly trainPerClass?: number;
  readonly testPerClass?: number;
  readonly splits?: number;
  readonly classLevel?: number;
  readonly keepTogether?: number;
  /** Official splits, or a data set with splits of its own: which of them tests. */
  readonly testOn?: 'test' | 'val';
  readonly seed: number;
}

/** What a benchmark is run on and how. What is missing is as the benchmark says. */
export interface EvaluateOptions extends SplitChoice {
  readonly svm?: FitOptions;
  readonly bootstrap?: BootstrapOptions;
  /** Allows testing nets on images that trained them. */
  readonly allowSeen?: boolean;
  readonly onProgress?: OnProgress;
}

/** The results. */
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
  /** Which test images of each split the nets have seen; missing where nothing is known of them. */
  readonly seen: readonly (SeenTest | undefined)[];
  /** Notes on the whole run. */
  readonly remarks: readonly Message[];
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
  const classes = [...new Set(described.flatMap(({ labels }) => labels))].sort((a, b) => (a < b ? -1 : 1));
  return {
    name: 'folder',
    root: '',
    classes,
    ...(classes.length === 0 && {
      unlabelled: {
        reason: 'the descriptors are of images without labels',
        advice: text`Give ${option('data')} with a folder of images for each class, or a table with a column of labels.`,
      },
    }),
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
export const numbersOf = (
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

/** The images that a protocol takes, at the level of folders that makes their class. */
const drawnFrom = (dataset: Dataset, options: SplitChoice, has: (item: Item) => boolean): readonly Item[] =>
  levelled(allItems(dataset).filter(has), options);

const givenSplit = (
  { train: names, test, validate }: GivenSplits,
  dataset: Dataset,
  options: SplitChoice,
  has: (item: Item) => boolean,
): DrawnSplit => {
  const itemsOf = (name: string): readonly Item[] => levelled(dataset.splits[name]!.filter(has), options);
  const train = names.flatMap(itemsOf);
  const tested = itemsOf(test);
  const classes = new Set(train.flatMap(({ labels }) => labels));
  const foreign = tested.find(({ labels }) => !classes.has(labels[0]!));
  if (foreign) {
    throw expected(
      'training images of every class that is tested',
      `the split ${test} of ${dataset.root}`,
      `${foreign.path} of the class ${foreign.labels[0]!}`,
    );
  }
  return {
    name: test,
    train,
    test: tested,
    ...(validate === undefined ? {} : { validation: { name: validate, items: itemsOf(validate) } }),
  };
};

/**
 * Which images train and which test in each split or run, among those that `has` lets through (all by default). Official
 * test images stay where they have no descriptor: they are ranked last.
 *
 * @throws UsageError where images are too few for a draw, or a class is only tested
 */
export const splitsOf = (
  benchmark: Benchmark,
  dataset: Dataset,
  options: SplitChoice,
  has: (item: Item) => boolean = () => true,
): DrawnSplit[] => {
  const { protocol } = benchmark;
  switch (protocol.kind) {
    case 'given splits':
      return [givenSplit(protocol, dataset, options, has)];
    case 'random splits': {
      const drawn = drawnBy(numbersOf(protocol, options), dataset, options);
      const items = drawnFrom(dataset, options, has);
      return Array.from({ length: drawn.splits }, (_, index) => ({
        name: `split ${index + 1}`,
        ...drawSplit(items, drawn, index),
      }));
    }
    case 'official splits':
      return runsOf(protocol, dataset).map(({ train, test }) => ({
        name: test,
        train: dataset.splits[train]!.filter(has),
        test: dataset.splits[test]!,
      }));
  }
};

/** Outcomes of splits of images with one label each. */
const singleLabel = async (
  benchmark: Benchmark & { readonly protocol: RandomSplits | GivenSplits },
  dataset: Dataset,
  descriptors: Descriptors,
  splits: readonly DrawnSplit[],
  options: EvaluateOptions,
): Promise<Pick<Evaluation, 'protocol' | 'images' | 'skipped' | 'outcomes'>> => {
  const { classLevel, keepTogether, svm, bootstrap, onProgress, seed } = options;
  const { protocol } = benchmark;
  const numbers = protocol.kind === 'random splits' ? numbersOf(protocol, options) : protocol;
  const items = itemsFor(benchmark, dataset);
  const { skipped } = describedOf(items, descriptors);
  const groupOf = keepTogether === undefined ? {} : { groupOf: groupAt(dataset, keepTogether) };
  const outcomes = await evaluateSplits(
    splits,
    descriptors,
    { ...numbers, ...groupOf, seed },
    { ...svm, ...(bootstrap ? { bootstrap } : {}), ...(onProgress ? { onProgress } : {}) },
  );
  return {
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

/** The items that a benchmark needs descriptors of. @throws UsageError naming splits or classes that are missing */
export const itemsFor = (benchmark: Benchmark, dataset: Dataset): Item[] => {
  const { protocol } = benchmark;
  const named = (names: readonly string[]): Item[] =>
    allItems({
      ...dataset,
      splits: Object.fromEntries(names.map((name) => [name, dataset.splits[name]!])),
    });
  switch (protocol.kind) {
    case 'random splits':
      return allItems(dataset);
    case 'given splits':
      return named([...protocol.train, protocol.test]);
    case 'official splits': {
      const missing = missingSplits(dataset, protocol.runs, true);
      if (missing.length > 0) {
        throw new UsageError(
          `Expected the splits ${missing.join(', ')} of ${benchmark.title} in ${dataset.root} but they are missing. ` +
            'Add their archives or lists; `verydeep datasets check` says what is missing.',
        );
      }
      const runs = runsOf(protocol, dataset);
      runs.forEach((run) => refuseEmptyClasses(dataset, run));
      return named(runs.flatMap(({ train, test }) => [train, test]));
    }
  }
};

/** The runs whose splits are on disk. */
const runsOf = (protocol: OfficialSplits, dataset: Dataset): OfficialRun[] =>
  protocol.runs.filter((run) => missingSplits(dataset, [run]).length === 0);

const officialSplits = async (
  benchmark: Benchmark & { readonly protocol: OfficialSplits },
  dataset: Dataset,
  descriptors: Descriptors,
  options: EvaluateOptions,
): Promise<Pick<Evaluation, 'protocol' | 'images' | 'skipped' | 'outcomes'>> => {
  const { protocol } = benchmark;
  const { seed, svm, bootstrap, keepTogether, onProgress } = options;
  const items = itemsFor(benchmark, dataset);
  const foldered = benchmark.dataset === 'folder' || benchmark.dataset === 'csv';
  const grouped = foldered && keepTogether !== undefined;
  const { skipped } = describedOf(items, descriptors);
  const runs = runsOf(protocol, dataset);
  const outcomes: SplitOutcome[] = [];
  for (const run of runs) {
    outcomes.push(
      await evaluateOfficial(dataset, descriptors, protocol, run, {
        svm: inPart({ ...svm, ...(onProgress ? { onProgress } : {}) }, run.test),
        seed,
        ...(grouped ? { groupOf: groupAt(dataset, keepTogether) } : {}),
        ...(bootstrap ? { bootstrap } : {}),
      }),
    );
  }
  return {
    protocol: {
      kind: protocol.kind,
      averagePrecision: protocol.form,
      runs,
      ...(protocol.folds === undefined ? {} : { folds: protocol.folds }),
      ...(grouped ? { keepTogether } : {}),
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
 * @param nets what the nets have seen, where that is known
 * @throws UsageError for a data set or descriptors that are missing or do not fit, naming the file or option at fault
 */
export const evaluate = async (
  benchmark: Benchmark,
  dataset: Dataset,
  descriptors: Descriptors,
  given: EvaluateOptions,
  nets?: SeenByNets,
): Promise<Evaluation> => {
  const { protocol } = benchmark;
  const options = { ...given, ...(given.svm && { svm: withParameter(given.svm) }) };
  const { described } = describedOf(itemsFor(benchmark, dataset), descriptors);
  const known = new Set(described.map(({ id }) => id));
  const splits = splitsOf(benchmark, dataset, options, ({ id }) => known.has(id));
  const seen = splits.map(({ name, train, test }) => {
    refuseSharedIds(train, test, name);
    if (!nets || nets.known === 'none') return undefined;
    const found = seenTest(test, nets, (id) => descriptors.sha256(id));
    if (!options.allowSeen) refuseSeen(name, test.length, found);
    return found;
  });
  const remarks = await alike(descriptors, splits[0]?.train ?? []);
  const evaluated =
    protocol.kind === 'official splits'
      ? await officialSplits({ ...benchmark, protocol }, dataset, descriptors, options)
      : await singleLabel({ ...benchmark, protocol }, dataset, descriptors, splits, options);
  const duplicates = evaluated.outcomes.map(({ train, test }) => duplicatesOf(train, test, descriptors));
  return { benchmark, dataset, descriptors, ...evaluated, duplicates, seen, remarks };
};
