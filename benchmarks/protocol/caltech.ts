// The Caltech protocol (appendix B): random splits of N training images a class, C chosen on a fifth of them, mean class recall.
import type { Metric } from '../../src/classifiers/select.js';
import type { Item } from '../../src/datasets/dataset.js';
import { setAside, stratifiedSplit } from '../../src/datasets/splits.js';
import type { Split } from '../../src/datasets/splits.js';
import { accuracy, classRecalls, confusionMatrix, meanClassRecall } from '../../src/evaluation/confusion.js';
import { argmax } from '../../src/evaluation/ranking.js';
import { bootstrap } from '../../src/evaluation/statistics.js';
import type { BootstrapOptions, Interval } from '../../src/evaluation/statistics.js';
import { topK } from '../../src/evaluation/top-k.js';
import { type Matrix, rowOf } from '../../src/matrix.js';
import type { OnProgress } from '../../src/progress.js';
import type { Descriptors } from './descriptors.js';
import { type FitOptions, fit, inPart, scoresOf } from './fit.js';
import { groupedSplit, setGroupsAside } from './grouped-split.js';
import type { SplitOutcome } from './outcome.js';

/** The protocol's numbers; those of the paper are in the benchmark's file. */
export interface CaltechProtocol {
  readonly splits: number;
  readonly trainPerClass: number;
  /** At most so many test images a class; all others where missing. */
  readonly testPerClass?: number;
  /** The share of the training images that chooses C. */
  readonly validationShare: number;
  readonly seed: number;
  /** Images of one group are never on both sides of a split. */
  readonly groupOf?: (item: Item) => string;
}

const PERCENT = 100;

/** The predicted class index of each row of scores. */
export const predictionsOf = (scores: Matrix): Int32Array =>
  Int32Array.from({ length: scores.rows }, (_, row) => argmax(rowOf(scores, row)));

/** Mean class recall as a metric to choose C by: one recall a class, from labels of one against the rest. */
export const recallMetric: Metric = (scores, labels) => {
  const truth = Array.from({ length: scores.rows }, (_, row) => labels.findIndex((own) => own[row] === 1));
  return [...classRecalls(confusionMatrix(truth, predictionsOf(scores), labels.length))];
};

/** Training and test images of one split. */
export const drawSplit = (items: readonly Item[], protocol: CaltechProtocol, index: number): Split => {
  const { trainPerClass, testPerClass, seed, groupOf } = protocol;
  const options = { trainPerClass, seed, index, ...(testPerClass === undefined ? {} : { testPerClass }) };
  return groupOf ? groupedSplit(items, { ...options, groupOf }) : stratifiedSplit(items, options);
};

const heldOut = (train: readonly Item[], protocol: CaltechProtocol, index: number): Set<string> => {
  const { validationShare, seed, groupOf } = protocol;
  const { aside } = groupOf
    ? setGroupsAside(train, validationShare, groupOf, seed, index)
    : setAside(train, validationShare, seed, index);
  return new Set(aside.map(({ id }) => id));
};

const intervalOf = (
  truth: readonly number[],
  predicted: Int32Array,
  classes: number,
  options: BootstrapOptions,
): Interval => {
  const sizes = new Uint32Array(classes);
  const right = new Uint32Array(classes);
  const interval = bootstrap(
    truth.length,
    (drawn) => {
      sizes.fill(0);
      right.fill(0);
      for (const i of drawn) {
        sizes[truth[i]!]!++;
        if (truth[i] === predicted[i]) right[truth[i]!]!++;
      }
      let [sum, seen] = [0, 0];
      sizes.forEach((size, c) => {
        if (size === 0) return;
        sum += right[c]! / size;
        seen++;
      });
      return (PERCENT * sum) / seen;
    },
    options,
  );
  return interval;
};

/**
 * Evaluates one of the protocol's splits.
 *
 * @param items all images, each with one label and a descriptor
 * @param index which split, from 0
 * @throws UsageError when a class has too few images
 */
export const evaluateSplit = async (
  items: readonly Item[],
  descriptors: Descriptors,
  protocol: CaltechProtocol,
  index: number,
  options: FitOptions & { readonly bootstrap?: BootstrapOptions } = {},
): Promise<SplitOutcome> => {
  const started = performance.now();
  const { bootstrap: resampling, ...fitting } = options;
  const { train, test } = drawSplit(items, protocol, index);
  const classes = [...new Set(train.map(({ labels }) => labels[0]!))].sort((a, b) => (a < b ? -1 : 1));
  const held = fitting.C === undefined ? heldOut(train, protocol, index) : new Set<string>();
  const fitted = await fit(descriptors, classes, train, held, recallMetric, fitting);
  const scores = await scoresOf(descriptors, fitted.model, test);
  const place = new Map(classes.map((name, i) => [name, i]));
  const truth = test.map(({ labels }) => place.get(labels[0]!)!);
  const predicted = predictionsOf(scores);
  const confusion = confusionMatrix(truth, predicted, classes.length);
  const recalls = classRecalls(confusion);
  const count = (list: readonly Item[], name: string) =>
    list.filter(({ labels }) => labels[0] === name).length;
  return {
    name: `split ${index + 1}`,
    classes,
    train,
    test,
    scores,
    ...fitted,
    figures: {
      meanClassRecall: PERCENT * meanClassRecall(confusion),
      accuracy: PERCENT * accuracy(confusion),
      ...(classes.length > 5 ? { top5: PERCENT * topK(scores, truth, 5) } : {}),
    },
    perClass: classes.map((name, c) => ({
      name,
      train: count(train, name),
      test: count(test, name),
      figures: { recall: PERCENT * recalls[c]! },
    })),
    interval: intervalOf(truth, predicted, classes.length, { seed: protocol.seed, ...resampling }),
    seconds: (performance.now() - started) / 1000,
  };
};

/** Evaluates all of the protocol's splits, one after the other. */
export const evaluateSplits = async (
  items: readonly Item[],
  descriptors: Descriptors,
  protocol: CaltechProtocol,
  options: FitOptions & { readonly bootstrap?: BootstrapOptions; readonly onProgress?: OnProgress } = {},
): Promise<SplitOutcome[]> => {
  const outcomes: SplitOutcome[] = [];
  for (let index = 0; index < protocol.splits; index++) {
    const own = inPart(options, `split-${index + 1}`);
    outcomes.push(await evaluateSplit(items, descriptors, protocol, index, own));
  }
  return outcomes;
};
