// The VOC protocol (appendix B): official splits, one C for all classes by mean average precision, then a refit.
import type { Metric } from '../../src/classifiers/select.js';
import type { Dataset, Item } from '../../src/datasets/dataset.js';
import { UsageError } from '../../src/errors.js';
import { meanApInterval } from '../../src/evaluation/ap-interval.js';
import { type ApForm, averagePrecision } from '../../src/evaluation/average-precision.js';
import { mean } from '../../src/evaluation/statistics.js';
import type { BootstrapOptions } from '../../src/evaluation/statistics.js';
import type { Matrix } from '../../src/matrix.js';
import type { OfficialRun, OfficialSplits } from './benchmark.js';
import { crossValidated } from './cross-validation.js';
import type { Descriptors } from './descriptors.js';
import { type FitOptions, type Fitted, fit, labelsOf, scoresOf } from './fit.js';
import { setGroupsAside } from './grouped-split.js';
import type { Figures, SplitOutcome } from './outcome.js';

const PERCENT = 100;

/** One class's column of a matrix of scores. */
export const columnOf = (scores: Matrix, column: number): Float64Array =>
  Float64Array.from({ length: scores.rows }, (_, row) => scores.data[row * scores.columns + column]!);

/** Average precision of each class, as a metric to choose C by. */
export const apMetric =
  (form: ApForm): Metric =>
  (scores, labels) =>
    labels.map((own, c) => averagePrecision(columnOf(scores, c), own, form));

/** The image of a person: ids of persons are the image's with `#` and a number. */
export const imageOf = ({ id }: Pick<Item, 'id'>): string => id.replace(/#\d+$/, '');

/**
 * The names of the splits that the runs need and the data set lacks on disk.
 *
 * @param scoredOnly leaves out those that only result files need
 */
export const missingSplits = (
  dataset: Pick<Dataset, 'splits'>,
  runs: readonly OfficialRun[],
  scoredOnly = false,
): string[] => {
  const needed = runs
    .filter(({ scored }) => scored || !scoredOnly)
    .flatMap(({ train, test, choose }) => [train, test, ...('validate' in choose ? [choose.validate] : [])]);
  return [...new Set(needed)].filter(
    (split) => !Object.hasOwn(dataset.splits, split) || dataset.splits[split]!.length === 0,
  );
};

/** Refuses a part of a split that lacks a class, naming the lists that give it no image. */
const refuseWithoutPositives = (
  { classes, root }: Pick<Dataset, 'classes' | 'root'>,
  items: readonly Item[],
  split: string,
): void => {
  const there = new Set(items.flatMap(({ labels }) => labels));
  const empty = classes.filter((name) => !there.has(name));
  if (empty.length === 0) return;
  const lists = empty.slice(0, 3).map((name) => `${name}_${split}.txt`);
  throw new UsageError(
    `Expected images of every class in the split ${split} of ${root} but there is none of ${empty.join(', ')}, which has ` +
      `no SVM and no average precision. Check ${lists.join(', ')}${empty.length > 3 ? ', …' : ''} in its ImageSets.`,
  );
};

/**
 * Refuses what would fail after hours of extraction: a class without images to train on, to choose C with, or to test on.
 *
 * @throws UsageError naming the classes, the split and their lists
 */
export const refuseEmptyClasses = (
  dataset: Pick<Dataset, 'classes' | 'root' | 'splits'>,
  { train, test, choose, scored }: OfficialRun,
): void => {
  refuseWithoutPositives(dataset, dataset.splits[train]!, train);
  if (scored) refuseWithoutPositives(dataset, dataset.splits[test]!, test);
  if ('validate' in choose)
    refuseWithoutPositives(dataset, dataset.splits[choose.validate]!, choose.validate);
};

const heldOut = (
  dataset: Dataset,
  { choose }: OfficialRun,
  train: readonly Item[],
  { seed, groupOf = imageOf }: OfficialOptions,
): Set<string> => {
  if ('validate' in choose) return new Set(dataset.splits[choose.validate]!.map(({ id }) => id));
  const { aside } = setGroupsAside(train, choose.share, groupOf, seed);
  return new Set(aside.map(({ id }) => id));
};

/** What one run needs beside the data. */
interface OfficialOptions {
  readonly svm: FitOptions;
  readonly seed: number;
  /** Images of one group stand together where C is chosen and in Platt's folds; persons of one image where missing. */
  readonly groupOf?: (item: Item) => string;
  readonly bootstrap?: BootstrapOptions;
}

/** How the protocol of FAIR and VISSL differs: one C a class by cross-validation, difficult images as negatives. */
const fitOf = (
  protocol: OfficialSplits,
  dataset: Dataset,
  run: OfficialRun,
  descriptors: Descriptors,
  classes: readonly string[],
  train: readonly Item[],
  options: OfficialOptions,
): Promise<Fitted> => {
  const { folds } = protocol;
  const { svm, groupOf = imageOf } = options;
  if (folds !== undefined) return crossValidated(descriptors, classes, train, folds, svm);
  const held = svm.c === undefined ? heldOut(dataset, run, train, options) : new Set<string>();
  const { choose } = run;
  const on =
    svm.cFolds === undefined
      ? 'validate' in choose
        ? choose.validate
        : `${PERCENT * choose.share} % of ${run.train} held out`
      : `${svm.cFolds} folds`;
  return fit(descriptors, classes, train, held, apMetric(protocol.form), { ...svm, groupOf }).then(
    (fitted): Fitted => (fitted.selection ? { ...fitted, choice: { metric: 'mAP', on } } : fitted),
  );
};

/**
 * Evaluates one run of the protocol.
 *
 * @param dataset a data set with the splits of the run
 * @throws UsageError naming a class without images to train or test on
 */
export const evaluateOfficial = async (
  dataset: Dataset,
  descriptors: Descriptors,
  protocol: OfficialSplits,
  run: OfficialRun,
  options: OfficialOptions,
): Promise<SplitOutcome> => {
  const started = performance.now();
  const { classes } = dataset;
  const test = dataset.splits[run.test]!;
  const train = dataset.splits[run.train]!.filter(({ id }) => descriptors.has(id));
  const labels = labelsOf(classes, test).map((own) => own.labels);
  refuseEmptyClasses(dataset, run);
  const fitted = await fitOf(protocol, dataset, run, descriptors, classes, train, options);
  const scores = await scoresOf(descriptors, fitted.model, test);
  const count = (items: readonly Item[], name: string): number =>
    items.filter((item) => item.labels.includes(name)).length;
  const forms: readonly (readonly [suffix: string, form: '11-point' | 'all-points'])[] = protocol.both
    ? [
        ['', protocol.form],
        protocol.form === '11-point' ? ['AllPoints', 'all-points'] : ['11Point', '11-point'],
      ]
    : [['', protocol.form]];
  const aps = run.scored
    ? forms.map(([suffix, form]) => ({
        suffix,
        values: classes.map((_, c) => PERCENT * averagePrecision(columnOf(scores, c), labels[c]!, form)),
      }))
    : [];
  const named = (prefix: string, value: (values: readonly number[]) => number): Figures =>
    Object.fromEntries(aps.map(({ suffix, values }) => [`${prefix}${suffix}`, value(values)]));
  const interval = run.scored
    ? meanApInterval(scores, labels, protocol.form, { seed: options.seed, ...options.bootstrap })
    : undefined;
  return {
    name: run.test,
    classes,
    train,
    test,
    scores,
    ...fitted,
    figures: named('mAP', mean),
    perClass: classes.map((name, c) => ({
      name,
      train: count(train, name),
      test: run.scored ? count(test, name) : 0,
      figures: named('ap', (values) => values[c]!),
    })),
    ...(interval
      ? { interval: { ...interval, low: PERCENT * interval.low, high: PERCENT * interval.high } }
      : {}),
    seconds: (performance.now() - started) / 1000,
  };
};
