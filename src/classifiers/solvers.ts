// The solvers by name, and the choice of `auto`.
import { expected, option, UsageError, text } from '../errors.js';
import { fitDual, type DualOptions } from './dual.js';
import { checkLibsvm, fitLibsvm } from './libsvm.js';
import { checkMemory, whyNotBy } from './memory.js';
import type { Fit } from './model.js';
import { fitNewton, suitsNewton } from './newton.js';
import { type PrimalOptions, fitPrimal } from './primal.js';
import type { SvmOptions } from './options.js';
import type { ClassLabels, FullSettings } from './problem.js';
import { type Descriptors, isMatrix, readAll } from './rows.js';

/** The chosen solver, with a reason for the user if needed. */
export interface Choice {
  readonly name: 'dual' | 'primal' | 'newton' | 'libsvm';
  readonly note?: string;
}

/** Options of all solvers. */
export interface SolverOptions extends DualOptions, PrimalOptions, Pick<SvmOptions, 'solver'> {
  /** Bytes of memory that may be used; default the system's free memory. */
  readonly memory?: number;
}

/**
 * Chooses the solver: the one named; for `auto`, the dual solver if everything it needs fits in memory, else
 * Newton's method for the squared hinge of many rows, else the primal solver. The solver's requirements are checked here, before anything is allocated or read.
 *
 * @param descriptors their size, and whether they are in memory
 * @param classes number of classes @throws UsageError if the solver does not support the settings, or has too
 * little memory
 */
export const chooseSolver = (
  descriptors: Descriptors,
  settings: FullSettings,
  options: SolverOptions,
  classes: number,
): Choice => {
  const solver = options.solver ?? 'auto';
  if (!['auto', 'dual', 'primal', 'newton', 'libsvm'].includes(solver)) {
    throw expected('auto, dual, primal, newton or libsvm', option('solver'), solver);
  }
  const { rows, columns } = descriptors;
  const size = { rows, columns, classes, inMemory: isMatrix(descriptors) };
  if (solver === 'auto' && options.gram) return { name: 'dual' };
  const reason = solver === 'auto' ? whyNotBy('dual', size, options) : undefined;
  const isSquared = settings.loss === 'squared-hinge';
  if (solver === 'newton' && !isSquared) {
    throw expected(
      'squared-hinge',
      option('loss'),
      settings.loss,
      text`${option('solver')} newton has no other. Choose ${option('solver')} primal for it.`,
    );
  }
  const newton =
    reason !== undefined && isSquared && suitsNewton(rows, columns) && !whyNotBy('newton', size, options);
  if (reason && !newton && settings.bias === 'unregularised') {
    throw new UsageError(
      `The unregularised bias needs the dual solver, but ${reason}. Choose the augmented bias, or train on fewer images.`,
    );
  }
  if (solver === 'primal' && settings.bias === 'unregularised') {
    throw expected(
      'the augmented bias',
      text`${option('solver')} primal`,
      settings.bias,
      text`Choose ${option('solver')} dual for it.`,
    );
  }
  if (solver === 'libsvm') checkLibsvm(rows, settings);
  const streaming = newton ? 'newton' : 'primal';
  const name = solver === 'auto' ? (reason ? streaming : 'dual') : solver;
  checkMemory(name, size, options);
  return reason ? { name, note: `${name} solver, because ${reason}` } : { name };
};

/** Trains with the chosen solver. */
export const fitBy = async (
  choice: Choice,
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: SolverOptions,
): Promise<Fit> => {
  const fit =
    choice.name === 'newton'
      ? await fitNewton(descriptors, classes, Cs, settings, options)
      : choice.name === 'primal'
        ? await fitPrimal(descriptors, classes, Cs, settings, options)
        : await (choice.name === 'dual' ? fitDual : fitLibsvm)(
            await readAll(descriptors),
            classes,
            Cs,
            settings,
            options,
          );
  return choice.note ? { ...fit, notes: [choice.note, ...fit.notes] } : fit;
};
