// Trains a classifier on all rows: one linear SVM per class against all others, logistic regression, or nearest neighbours.
import { expected } from '../errors.js';
import { TEMPERATURE, checkNeighbours, unitRows, votesOf } from './knn.js';
import { areExclusive, fitLogistic } from './logistic.js';
import type { Fit, LinearModel } from './model.js';
import type { SvmOptions } from './options.js';
import {
  type ClassLabels,
  type SvmSettings,
  checkC,
  checkClasses,
  checkMatrix,
  checkSides,
  fullSettings,
} from './problem.js';
import { type Descriptors, isMatrix, readAll } from './rows.js';
import { type SolverOptions, chooseSolver, fitBy } from './solvers.js';

/** Training options: the problem's settings and the solver's. */
export interface TrainOptions
  extends SvmSettings, SolverOptions, Pick<SvmOptions, 'classifier' | 'knnTemperature'> {
  /** Hash of the descriptors' recipe, stored in the model. */
  readonly recipe?: string;
}

/** Of logistic regression: half the squared gradient over the objective at which it stops, in the final fit and while C is chosen. */
const [FINAL, CHOOSING] = [1e-10, 1e-7];

/** The settings of logistic regression. */
export const logisticSettings = (
  { classWeight = { positive: 1, negative: 1 }, tolerance }: TrainOptions,
  classes: readonly ClassLabels[],
  isFinal: boolean,
) => ({
  classWeight,
  tolerance: tolerance ?? (isFinal ? FINAL : CHOOSING),
  exclusive: areExclusive(classes),
});

/** The rows that train for any class. */
export const trainingRows = (classes: readonly ClassLabels[]): number =>
  classes[0]!.labels.filter((_, row) => classes.some(({ labels }) => labels[row] !== 0)).length;

/** A note that names the classes that did not converge. */
const openNotes = ({ certificates }: Fit, classes: readonly ClassLabels[], tolerance: number): string[] => {
  const open = certificates.flatMap(({ converged }, c) => (converged ? [] : [classes[c]!.name]));
  return open.length > 0 ? [`the duality gap of ${open.join(', ')} did not come down to ${tolerance}`] : [];
};

/** Logistic regression, or nearest neighbours, of whose model all rows are a part. */
const trainOther = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  options: TrainOptions,
): Promise<LinearModel> => {
  const common = {
    classes: classes.map(({ name }) => name),
    C: Cs,
    ...(options.recipe === undefined ? {} : { recipe: options.recipe }),
  };
  if (options.classifier === 'logistic') {
    const settings = logisticSettings(options, classes, true);
    const { fit } = await fitLogistic(descriptors, classes, Cs, settings, options);
    const link = settings.exclusive ? 'softmax' : 'sigmoid';
    const notes = [...fit.notes, ...openNotes(fit, classes, settings.tolerance)];
    return {
      ...fit,
      ...common,
      notes,
      classifier: 'logistic',
      loss: 'logistic',
      bias: 'unregularised',
      link,
    };
  }
  checkNeighbours(Cs, trainingRows(classes));
  const temperature = options.knnTemperature ?? TEMPERATURE;
  return {
    ...{
      solver: 'none',
      biases: new Float32Array(0),
      certificates: [],
      notes: [],
      loss: 'none',
      bias: 'none',
    },
    ...common,
    classifier: 'knn',
    weights: unitRows(await readAll(descriptors)),
    voters: { labels: votesOf(classes), temperature },
  };
};

/**
 * Trains every class: SVMs to the settings' duality gap.
 *
 * @param descriptors one row per image: a matrix, or rows streamed from disk @param classes each class's
 * labels of those rows
 * @param C one for all classes, or one per class @throws UsageError on descriptors that are not finite, a
 * class without both sides, a C that is not above 0
 */
export const trainOneVsRest = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  C: number | readonly number[],
  options: TrainOptions = {},
): Promise<LinearModel> => {
  const isSvm = (options.classifier ?? 'svm') === 'svm';
  const settings = fullSettings(options);
  const choice = isSvm ? chooseSolver(descriptors, settings, options, classes.length) : undefined;
  if (isMatrix(descriptors)) checkMatrix(descriptors);
  checkClasses(classes, descriptors.rows);
  for (const { name, labels } of classes) checkSides(name, labels);
  const Cs = typeof C === 'number' ? classes.map(() => C) : C;
  if (Cs.length !== classes.length) throw expected(`one C, or ${classes.length}`, 'C', Cs.length);
  Cs.forEach((value) => checkC(value));
  if (!choice) return trainOther(descriptors, classes, Cs, options);
  const fit = await fitBy(choice, descriptors, classes, Cs, settings, options);
  return {
    ...fit,
    notes: [...fit.notes, ...openNotes(fit, classes, settings.tolerance)],
    classes: classes.map(({ name }) => name),
    C: Cs,
    loss: settings.loss,
    bias: settings.bias,
    ...(options.recipe === undefined ? {} : { recipe: options.recipe }),
  };
};
