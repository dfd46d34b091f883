// Which images train and which test: as the data set itself says where it does, else as the protocol draws them.
import type { Dataset, Item } from '../../src/datasets/dataset.js';
import { splitNameOf } from '../../src/datasets/split-names.js';
import { type Message, UsageError, expected, option, text } from '../../src/errors.js';
import type { Benchmark, GivenSplits, OfficialRun, OfficialSplits } from './benchmark.js';
import { VAL_NOTE } from './voc2012-splits.js';

/** What decides between the data set's own splits and a draw. */
interface GivenChoice {
  readonly trainPerClass?: number;
  readonly testPerClass?: number;
  readonly splits?: number;
  /** The split that tests: "test" (default where it is there) or "val", trained on "train". */
  readonly testOn?: 'test' | 'val';
}

/** A benchmark as it is run on a data set, and what must be said of that. */
interface Resolved {
  readonly benchmark: Benchmark;
  readonly dataset: Dataset;
  readonly remarks: readonly Message[];
}

const SHARE = 0.2;

/** The runs of an official protocol that test on one split; train → val can be had of any. */
const testedOn = (benchmark: Benchmark, protocol: OfficialSplits, testOn: 'test' | 'val'): Benchmark => {
  const own = protocol.runs.filter(({ test }) => test === testOn);
  const validating: OfficialRun = { train: 'train', test: 'val', choose: { share: SHARE }, scored: true };
  const runs = own.length > 0 ? own : testOn === 'val' ? [validating] : [];
  if (runs.length === 0) {
    throw expected('a split that the benchmark tests on', option('testOn'), testOn);
  }
  const notes = benchmark.notes.filter((note) => note !== VAL_NOTE);
  return {
    ...benchmark,
    protocol: { ...protocol, runs },
    notes: testOn === 'val' ? [VAL_NOTE, ...notes] : notes,
  };
};

const labelled = (items: readonly Item[]): boolean => items.every(({ labels }) => labels.length > 0);

/** Names of splits, for a sentence. */
const listed = (names: readonly string[]): string => names.join(', ');

/**
 * The benchmark with the data set's own splits: train (and val) → test, or train → val. Images of several labels, or of
 * none, are measured by average precision.
 */
const withGiven = (drawn: Benchmark, dataset: Dataset, test: string, share: number): Resolved => {
  const { splits } = dataset;
  const title = drawn.title.replace(', Caltech protocol', ', its own splits');
  const benchmark: Benchmark = { ...drawn, title };
  const validate = test !== 'val' && splits['val']?.length ? 'val' : undefined;
  const train = [splits['train']?.length ? 'train' : 'trainval', ...(validate ? [validate] : [])];
  const all = train.flatMap((name) => splits[name]!);
  const several = [...all, ...splits[test]!].some(({ labels }) => labels.length !== 1);
  const foldsBelow = 'foldsBelow' in benchmark.protocol ? benchmark.protocol.foldsBelow : undefined;
  const given: GivenSplits = {
    kind: 'given splits',
    train,
    test,
    ...(validate ? { validate } : {}),
    validationShare: share,
    ...(foldsBelow === undefined ? {} : { foldsBelow }),
  };
  if (!several) return { benchmark: { ...benchmark, protocol: given }, dataset, remarks: [] };
  const joined = validate ? 'trainval' : train[0]!;
  const protocol: OfficialSplits = {
    kind: 'official splits',
    runs: [{ train: joined, test, choose: validate ? { validate } : { share }, scored: true }],
    form: 'all-points',
    both: false,
  };
  return {
    benchmark: { ...benchmark, metric: 'mAP', protocol },
    dataset: { ...dataset, splits: { ...splits, [joined]: all } },
    remarks: ['Images have several labels or none: the figure is mean average precision over all points.'],
  };
};

/**
 * A remark on descriptors without their data set, of images that lie in folders named as splits: a store does not keep
 * which image is of which split.
 */
const unsaid = ({ root, splits }: Dataset): Message[] => {
  if (root !== '') return [];
  const tops = new Set(Object.values(splits).flatMap((items) => items.map(({ id }) => id.split('/')[0]!)));
  const kinds = new Set([...tops].map((top) => splitNameOf(top)?.kind));
  return tops.size > 1 && !kinds.has(undefined)
    ? [
        text`Training and test images are drawn at random: descriptors do not say which of ${listed([...tops])} an image is of. Give ${option('data')} too to take them as they are.`,
      ]
    : [];
};

/**
 * Resolves a benchmark for a data set. Of a folder or table with training and test images of its own these are taken;
 * where numbers for a draw are asked for, all images are pooled, and a remark says so.
 *
 * @throws UsageError for a split to test on that is not there
 */
export const resolveBenchmark = (
  benchmark: Benchmark,
  dataset: Dataset,
  { trainPerClass, testPerClass, splits: count, testOn }: GivenChoice,
): Resolved => {
  const { protocol } = benchmark;
  if (protocol.kind === 'official splits') {
    return {
      benchmark: testOn === undefined ? benchmark : testedOn(benchmark, protocol, testOn),
      dataset,
      remarks: [],
    };
  }
  const names = Object.keys(dataset.splits).filter((name) => dataset.splits[name]!.length > 0);
  const trains = names.includes('train') || names.includes('trainval');
  const usable = (['test', 'val'] as const).filter(
    (name) => names.includes(name) && (dataset.name === 'csv' || labelled(dataset.splits[name]!)),
  );
  const test = testOn ?? usable[0];
  if (testOn !== undefined && !(trains && usable.includes(testOn))) {
    throw new UsageError(
      text`Expected training images and labelled images of the split ${testOn} in ${dataset.root} for ${option('testOn')} but its splits are ${listed(names)}.`,
    );
  }
  const asked = trainPerClass !== undefined || testPerClass !== undefined || count !== undefined;
  if (trains && test !== undefined && !asked) {
    const share = 'validationShare' in protocol ? protocol.validationShare : SHARE;
    const resolved = withGiven(benchmark, dataset, test, share);
    const unlabelled = names.includes('test') && !usable.includes('test') && testOn === undefined;
    return unlabelled
      ? {
          ...resolved,
          remarks: ['The images of the split test have no labels: val tests.', ...resolved.remarks],
        }
      : resolved;
  }
  const pooled =
    names.length < 2
      ? unsaid(dataset)
      : [
          text`The splits ${listed(names)} of the data set are pooled, and training and test images are drawn from all at random${
            trains && test !== undefined
              ? text`: leave out ${option('trainPerClass')}, ${option('testPerClass')} and ${option('splits')} to take them as they are`
              : ''
          }.`,
        ];
  return { benchmark, dataset, remarks: pooled };
};
