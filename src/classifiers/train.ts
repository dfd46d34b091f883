// Trains one linear SVM per class, against all other rows.
import { expected } from '../errors.js';
import type { LinearModel } from './model.js';
import {
  type ClassLabels,
  type SvmSettings,
  checkC,
  checkClasses,
  checkMatrix,
  checkSides,
  fullSettings,
} from './problem.js';
import { type Descriptors, isMatrix } from './rows.js';
import { type SolverOptions, chooseSolver, fitBy } from './solvers.js';

/** Training options: the problem's settings and the solver's. */
export interface TrainOptions extends SvmSettings, SolverOptions {
  /** Hash of the descriptors' recipe, stored in the model. */
  readonly recipe?: string;
}

/**
 * Trains every class to the settings' duality gap.
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
  const settings = fullSettings(options);
  const choice = chooseSolver(descriptors, settings, options, classes.length);
  if (isMatrix(descriptors)) checkMatrix(descriptors);
  checkClasses(classes, descriptors.rows);
  for (const { name, labels } of classes) checkSides(name, labels);
  const Cs = typeof C === 'number' ? classes.map(() => C) : C;
  if (Cs.length !== classes.length) throw expected(`one C, or ${classes.length}`, 'C', Cs.length);
  Cs.forEach((value) => checkC(value));
  const fit = await fitBy(choice, descriptors, classes, Cs, settings, options);
  const open = fit.certificates.flatMap(({ converged }, c) => (converged ? [] : [classes[c]!.name]));
  const note = `the duality gap of ${open.join(', ')} did not come down to ${settings.tolerance}`;
  return {
    ...fit,
    notes: open.length > 0 ? [...fit.notes, note] : fit.notes,
    classes: classes.map(({ name }) => name),
    C: Cs,
    loss: settings.loss,
    bias: settings.bias,
    ...(options.recipe === undefined ? {} : { recipe: options.recipe }),
  };
};
