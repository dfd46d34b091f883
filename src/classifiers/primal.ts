// The solver "primal": weights in memory, descriptors streamed from disk block by block, for more rows than a Gram matrix can hold.
//
// Block minimisation (Yu, Hsieh, Chang and Lin, 2010): for each block, its small Gram matrix is computed, its coefficients are solved with all others fixed, and the weights of every class are updated. Each block is solved together with companions: rows of other blocks whose coefficients are between their bounds, without which rows of different blocks would interact only once a round (selective block minimisation, Chang and Roth, 2011). Every round ends with a measuring pass: both objectives at the current weights, so that the gap is exact.
import { usableCores } from '../cores.js';
import type { OnProgress } from '../progress.js';
import type { Gram } from './gram.js';
import type { Fit } from './model.js';
import { openPrimalCheckpoint } from './primal-checkpoint.js';
import { type Block, type State, fetchRows, improve, measure, stack } from './primal-passes.js';
import type { ClassLabels, FullSettings } from './problem.js';
import type { Descriptors } from './rows.js';
import { sideWeights } from './solver/solve.js';

/** Maximum number of rows of a block, and of its companions. */
const BLOCK = 2048;
/** Maximum bytes of descriptors in a block. */
const BLOCK_BYTES = 256 * 2 ** 20;
/** Maximum number of rounds over all rows; a class unsolved by then has not converged. */
const MOST_ROUNDS = 200;

/** State of a class: coefficients, and their weights and bias. */
export type Standing = Pick<State, 'alpha' | 'weights' | 'bias'>;

/** Blocks and checkpoints. */
export interface PrimalOptions {
  readonly threads?: number;
  /** Rows of a block; default 2,048, fewer for long descriptors. */
  readonly blockRows?: number;
  /**
   * A folder in which the state is saved after every round; a later call with the same problem continues from
   * it.
   */
  readonly checkpoint?: string;
  /** Name of this part of the run in the checkpoint folder; default `fit`. */
  readonly part?: string;
  readonly onProgress?: OnProgress;
}

/** Rows of a block. */
export const blockRowsOf = (
  { rows, columns }: Pick<Descriptors, 'rows' | 'columns'>,
  { blockRows }: Pick<PrimalOptions, 'blockRows'>,
): number =>
  Math.min(rows, blockRows ?? Math.max(64, Math.min(BLOCK, Math.floor(BLOCK_BYTES / 4 / columns))));

/**
 * A class initialised with the solution for another C, scaled by the best factor that keeps it within the
 * bounds.
 */
const stretched = (
  { alpha, weights, bias }: Standing,
  labels: Int8Array,
  C: number,
  settings: FullSettings,
): Standing => {
  const squared = settings.loss === 'squared-hinge';
  const sides = sideWeights(labels, settings.classWeight);
  const costOf = (row: number): number => C * (labels[row]! > 0 ? sides.positive : sides.negative);
  let [linear, quadratic, limit] = [0, (bias / settings.biasScale) ** 2, Infinity];
  for (const w of weights) quadratic += w * w;
  alpha.forEach((a, row) => {
    if (a === 0) return;
    linear += a;
    if (squared) quadratic += (a * a) / (2 * costOf(row));
    else limit = Math.min(limit, costOf(row) / a);
  });
  const factor = quadratic > 0 ? Math.min(limit, linear / quadratic) : 0;
  return {
    alpha: alpha.map((a, row) => (squared ? factor * a : Math.min(factor * a, costOf(row)))),
    weights: weights.map((w) => factor * w),
    bias: factor * bias,
  };
};

/**
 * Solves every class for its C on rows that are streamed repeatedly, until each gap is reached. Memory: the
 * weights, one coefficient per row and class, a few blocks.
 *
 * @param starts initial state of each class: its solution for another C; default zero @returns the fit, and
 * the state of each class, from which another C can start
 */
export const solvePrimal = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: PrimalOptions,
  starts?: readonly Standing[],
): Promise<{ readonly fit: Fit; readonly standings: readonly Standing[] }> => {
  const { rows, columns } = descriptors;
  const threads = options.threads ?? usableCores();
  const blockRows = blockRowsOf(descriptors, options);
  const kept = options.checkpoint
    ? await openPrimalCheckpoint(options.checkpoint, options.part ?? 'fit', {
        ...{ descriptors, classes, Cs, settings, blockRows },
        ...(starts && { starts: starts.map(({ alpha }) => alpha) }),
      })
    : undefined;
  const before = await kept?.read();
  const states = classes.map(({ labels }, c): State => {
    const start = starts && stretched(starts[c]!, labels, Cs[c]!, settings);
    const zero = { alpha: new Float64Array(rows), weights: new Float64Array(columns), bias: 0 };
    return {
      ...{ labels, C: Cs[c]!, ...(start ?? zero), updates: 0, certificate: undefined },
      ...before?.standings[c],
    };
  });
  const open = (): State[] => states.filter(({ certificate }) => !certificate?.converged);
  let companions: Block = await fetchRows(descriptors, before?.companions ?? [], blockRows);
  if (starts && !before) companions = await measure(descriptors, states, settings, blockRows, threads);
  let gram: Gram | undefined;
  for (let round = before?.round ?? 0; ; round++) {
    const left = open();
    options.onProgress?.({
      task: 'svm',
      done: states.length - left.length,
      total: states.length,
      unit: 'classes',
      figures: { round },
    });
    if (left.length === 0 || round === MOST_ROUNDS) break;
    gram = await improve(descriptors, left, companions, settings, blockRows, threads, gram);
    companions = await measure(descriptors, left, settings, blockRows, threads);
    await kept?.write({ round: round + 1, standings: states, companions: companions.indices });
  }
  const fit = {
    solver: 'primal',
    weights: stack(states, columns),
    biases: Float32Array.from(states, ({ bias }) => bias),
    certificates: states.map(({ certificate }) => certificate!),
    notes: [],
  };
  return { fit, standings: states };
};

/** Trains every class with its C on streamed rows; see {@link solvePrimal}. */
export const fitPrimal = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: PrimalOptions,
): Promise<Fit> => (await solvePrimal(descriptors, classes, Cs, settings, options)).fit;
