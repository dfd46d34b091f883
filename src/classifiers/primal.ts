// The solver "primal": weights in memory, descriptors streamed from disk block by block, for more rows than a Gram matrix can have.
//
// Block minimisation (Yu, Hsieh, Chang and Lin, 2010): of each block that passes by, the small Gram matrix is made, its
// coefficients are solved for while all others stay, and the weights of every class take the change. With each block go
// companions: rows from everywhere whose coefficients are between their bounds, without which distant rows would only
// hear of each other once a round (selective block minimisation, Chang and Roth, 2011). Every round ends with a pass that
// only measures: both objectives at the weights as they are, so that the gap is exact.
import { usableCores } from '../cores.js';
import type { OnProgress } from '../progress.js';
import type { Gram } from './gram.js';
import type { Fit } from './model.js';
import { openPrimalCheckpoint } from './primal-checkpoint.js';
import { type Block, type State, fetchRows, improve, measure, stack } from './primal-passes.js';
import type { ClassLabels, FullSettings } from './problem.js';
import type { Descriptors } from './rows.js';
import { sideWeights } from './solver/solve.js';

/** Rows of a block, and of the companions that go with it, at most. */
const BLOCK = 2048;
/** Bytes of descriptors that a block may have. */
const BLOCK_BYTES = 256 * 2 ** 20;
/** Rounds over all rows after which a class is given up as not converging. */
const MOST_ROUNDS = 200;

/** Where a class stands: coefficients, and the weights and bias that they make. */
export type Standing = Pick<State, 'alpha' | 'weights' | 'bias'>;

/** How the streaming is done. */
export interface PrimalOptions {
  readonly threads?: number;
  /** Rows of a block; default 2,048, fewer where descriptors are long. */
  readonly blockRows?: number;
  /** A folder in which the state is kept after every round; a later call with the same problem goes on from there. */
  readonly checkpoint?: string;
  /** Tells the parts of one run apart in the checkpoint folder; default `fit`. */
  readonly part?: string;
  readonly onProgress?: OnProgress;
}

/** Rows of a block. */
export const blockRowsOf = (
  { rows, columns }: Pick<Descriptors, 'rows' | 'columns'>,
  { blockRows }: Pick<PrimalOptions, 'blockRows'>,
): number =>
  Math.min(rows, blockRows ?? Math.max(64, Math.min(BLOCK, Math.floor(BLOCK_BYTES / 4 / columns))));

/** A class at the solution for another C, stretched by the factor that is best for its own among those that keep it in the box. */
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
 * Solves every class for its C on rows that are streamed, several times, until each gap is proved. Memory: the weights,
 * one coefficient a row and class, a few blocks.
 *
 * @param starts where each class starts: its solution for another C; default at zero
 * @returns the fit, and where each class stands, for another C to start from
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

/** Trains every class with its C on rows that are streamed; see {@link solvePrimal}. */
export const fitPrimal = async (
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: PrimalOptions,
): Promise<Fit> => (await solvePrimal(descriptors, classes, Cs, settings, options)).fit;
