// The solvers by name, and which one `auto` takes.
import { UsageError, expected } from '../errors.js';
import { fitDual, type DualOptions } from './dual.js';
import { whyNotDual } from './gram.js';
import { checkLibsvm, fitLibsvm } from './libsvm.js';
import type { Fit } from './model.js';
import { type PrimalOptions, fitPrimal } from './primal.js';
import type { ClassLabels, FullSettings, SolverName } from './problem.js';
import { type Descriptors, isMatrix, readAll } from './rows.js';

/** A solver that was chosen, and why where that needs saying. */
export interface Choice {
  readonly name: 'dual' | 'primal' | 'libsvm';
  readonly note?: string;
}

/** Options of all solvers. */
export interface SolverOptions extends DualOptions, PrimalOptions {
  /** Default `auto`. */
  readonly solver?: SolverName;
  /** Bytes of memory that may be taken; default what the system has free. */
  readonly memory?: number;
}

/** Bytes of the descriptors themselves, where they are not in memory yet. */
const bytesToRead = (descriptors: Descriptors): number =>
  isMatrix(descriptors) ? 0 : descriptors.rows * descriptors.columns * 4;

/**
 * Chooses the solver: the one that is named; for `auto` the dual one where its Gram matrix (and the descriptors) fit in
 * memory, else the primal one.
 */
export const chooseSolver = (
  descriptors: Descriptors,
  settings: FullSettings,
  options: SolverOptions,
): Choice => {
  const solver = options.solver ?? 'auto';
  if (!['auto', 'dual', 'primal', 'libsvm'].includes(solver)) {
    throw expected('auto, dual, primal or libsvm', '--solver', solver);
  }
  if (solver === 'libsvm') checkLibsvm(descriptors.rows, settings);
  if (solver !== 'auto' && solver !== 'primal') return { name: solver };
  if (solver === 'auto') {
    if (options.gram) return { name: 'dual' };
    const needed = bytesToRead(descriptors);
    const reason = whyNotDual(descriptors.rows, options, needed);
    if (!reason) return { name: 'dual' };
    if (settings.bias !== 'unregularised')
      return { name: 'primal', note: `primal solver, because ${reason}` };
    throw new UsageError(
      `The unregularised bias needs the dual solver, but ${reason}. Choose the augmented bias, or train on fewer images.`,
    );
  }
  if (settings.bias === 'unregularised') {
    throw expected('the augmented bias', '--solver primal', settings.bias, 'Choose --solver dual for it.');
  }
  return { name: 'primal' };
};

/** Trains with the solver that was chosen. */
export const fitBy = async (
  choice: Choice,
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: SolverOptions,
): Promise<Fit> => {
  const fit =
    choice.name === 'primal'
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
