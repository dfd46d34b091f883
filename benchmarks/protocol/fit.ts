// What every protocol does with descriptors: choose C on held-out images, refit on all, score the test images.
import { join } from 'node:path';
import { parameterOf } from '../../src/classifiers/classifier.js';
import { gramOf } from '../../src/classifiers/gram.js';
import type { ClassLabels } from '../../src/classifiers/problem.js';
import type { SvmOptions } from '../../src/classifiers/options.js';
import type { LinearModel } from '../../src/classifiers/model.js';
import { decisionValues } from '../../src/classifiers/model.js';
import { fullSettings, oneVsRest } from '../../src/classifiers/problem.js';
import { calibrate as calibrated } from '../../src/classifiers/platt.js';
import type { Descriptors as Rows } from '../../src/classifiers/rows.js';
import type { Metric, Selection } from '../../src/classifiers/select.js';
import { selectC } from '../../src/classifiers/select.js';
import { chooseSolver } from '../../src/classifiers/solvers.js';
import type { TrainOptions } from '../../src/classifiers/train.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import type { Item } from '../../src/datasets/dataset.js';
import { UsageError, option, text } from '../../src/errors.js';
import { MISSING } from '../../src/evaluation/ranking.js';
import type { Matrix } from '../../src/matrix.js';
import type { Descriptors } from './descriptors.js';
import type { SplitOutcome } from './outcome.js';
import { streamed } from './streamed.js';

/**
 * How the SVMs are made. C is chosen by the images that the protocol holds out, unless `c` or `cFolds` is given; a `cGrid` is
 * not widened.
 */
export interface FitOptions extends TrainOptions, SvmOptions {
  /** Items of one group are never on both sides of a fold; each item is a group if missing. */
  readonly groupOf?: (item: Item) => string;
}

/** The options of one part of a run (a split, a fold): its solved classes are kept in a folder of their own. */
export const inPart = <T extends FitOptions>(options: T, name: string): T =>
  options.checkpoint === undefined ? options : { ...options, checkpoint: join(options.checkpoint, name) };

/** The SVMs of one split, and how their C was found. */
export interface Fitted {
  readonly model: LinearModel;
  /** Missing where C was given. */
  readonly selection?: Selection;
  readonly choice?: NonNullable<SplitOutcome['choice']>;
}

/** Labels of each class for the items, one against the rest; ignored classes count for neither side. */
export const labelsOf = (classes: readonly string[], items: readonly Item[]): ClassLabels[] =>
  oneVsRest(
    classes,
    items.map(({ labels }) => labels),
    items.map(({ ignored }) => ignored ?? []),
  );

/** Training rows, in memory or on disk, in the order of `items`, and the options to train on them with. */
interface Prepared {
  readonly items: readonly Item[];
  readonly rows: Rows;
  readonly settings: TrainOptions;
  /** Why the rows are streamed, where that was not asked for. */
  readonly notes: readonly string[];
}

/**
 * Chooses the solver for the training rows of a split. Those named primal and newton stream them from the feature store; for the
 * others they are read, and their Gram matrix is made once for the choice of C and the refit.
 *
 * @throws UsageError where memory is too small, before anything is read
 */
export const prepare = async (
  descriptors: Descriptors,
  classes: readonly string[],
  train: readonly Item[],
  options: TrainOptions,
): Promise<Prepared> => {
  const own = { ...options, recipe: descriptors.hash };
  const { items, source } = streamed(descriptors, train);
  if (options.classifier && options.classifier !== 'svm') {
    return { items: train, rows: await descriptors.read(train), settings: own, notes: [] };
  }
  const { name, note } = chooseSolver(source, fullSettings(options), options, classes.length);
  if (name === 'primal' || name === 'newton') {
    return { items, rows: source, settings: { ...own, solver: name }, notes: note ? [note] : [] };
  }
  const rows = await descriptors.read(train);
  return { items: train, rows, settings: { ...own, solver: name, gram: gramOf(rows, options) }, notes: [] };
};

/** The model with remarks before its own. */
export const withNotes = (model: LinearModel, notes: readonly string[]): LinearModel => ({
  ...model,
  notes: [...notes, ...model.notes],
});

/**
 * Chooses one C for all classes by the metric on the held-out items, training on the others; then trains on all of
 * them with that C.
 *
 * @param train all training items, the held-out ones included
 * @param held ids of the items held out for the choice
 * @throws UsageError when nothing is held out and no C is given
 */
export const fit = async (
  descriptors: Descriptors,
  classes: readonly string[],
  train: readonly Item[],
  held: ReadonlySet<string>,
  metric: Metric,
  { c, cGrid, cPerClass, cFolds, groupOf, calibrate, ...options }: FitOptions,
): Promise<Fitted> => {
  const { items, rows, settings, notes } = await prepare(descriptors, classes, train, options);
  const labels = labelsOf(classes, items);
  const groups = items.map((item) => groupOf?.(item) ?? item.id);
  const finish = async (chosen: number | readonly number[]): Promise<LinearModel> => {
    const model = withNotes(await trainOneVsRest(rows, labels, chosen, settings), notes);
    return calibrate
      ? calibrated(model, rows, labels, { ...inPart(settings, 'calibration'), groups })
      : model;
  };
  if (c !== undefined) return { model: await finish(c) };
  const validation = items.flatMap(({ id }, row) => (held.has(id) ? [row] : []));
  if (cFolds === undefined && validation.length === 0) {
    throw new UsageError(
      text`No training image is left to validate ${parameterOf(options.classifier)} with. Give at least two training images a class, or give ${parameterOf(options.classifier)} itself with ${option(options.classifier === 'knn' ? 'neighbours' : 'c')}.`,
    );
  }
  const selection = await selectC(rows, labels, metric, {
    ...settings,
    ...(cFolds === undefined ? { validation } : { cFolds, groups }),
    ...(cPerClass !== undefined && { cPerClass }),
    ...(cGrid && { cGrid, widen: false }),
  });
  return { model: await finish(selection.C), selection };
};

const CHUNK = 1024;

/** Decision values [items, classes]; a row of {@link MISSING} for an item without a descriptor. A thousand items at a time. */
export const scoresOf = async (
  descriptors: Descriptors,
  model: LinearModel,
  items: readonly Item[],
): Promise<Matrix> => {
  const columns = model.classes.length;
  const data = new Float32Array(items.length * columns).fill(MISSING);
  const described = items.flatMap((item, row) => (descriptors.has(item.id) ? [{ item, row }] : []));
  for (let start = 0; start < described.length; start += CHUNK) {
    const chunk = described.slice(start, start + CHUNK);
    const rows = await descriptors.read(chunk.map(({ item }) => item));
    const values = decisionValues(model, rows, descriptors.hash);
    chunk.forEach(({ row }, i) =>
      data.set(values.data.subarray(i * columns, (i + 1) * columns), row * columns),
    );
  }
  return { rows: items.length, columns, data };
};
