// One class's solutions along its grid of C: the unit of work that threads share.
import type { Certificate, FullSettings } from '../problem.js';
import type { Kernels } from './kernels.js';
import { setLabels, solve } from './solve.js';
import type { Workspace } from './workspace.js';

/** A class to solve. Plain data, so that it can be posted to a thread. */
export interface Task {
  readonly index: number;
  readonly labels: Int8Array;
  /** Values of C, ascending: each starts from the previous solution. */
  readonly grid: readonly number[];
  /** Initial solution of the first C, instead of zero: coefficients and decision values without the bias. */
  readonly start?: { readonly alpha: Float64Array; readonly values: Float64Array };
}

/** Settings shared by all tasks. */
export interface Common {
  readonly settings: FullSettings;
  /** Mask of rows that do not train (1). */
  readonly held?: Uint8Array;
  /** What to keep of a solution: decision values of the held-out rows, or coefficients. */
  readonly keep: 'values' | 'coefficients';
}

/** One class solved for one C. */
export interface Solution {
  readonly C: number;
  readonly certificate: Certificate;
  readonly bias: number;
  /** Decision values of the held-out rows, in order (`keep: 'values'`). */
  readonly values?: Float32Array;
  /** alpha of every row (`keep: 'coefficients'`). */
  readonly alpha?: Float64Array;
}

const heldValues = (w: Workspace, held: Uint8Array | undefined, offset: number): Float32Array => {
  const values: number[] = [];
  held?.forEach((out, row) => {
    if (out) values.push(w.f[row]! + offset);
  });
  return Float32Array.from(values);
};

/** Solves a class for each C of its grid. */
export const solveTask = (w: Workspace, kernels: Kernels, common: Common, task: Task): Solution[] => {
  const { settings, held, keep } = common;
  setLabels(w, task.labels, held);
  if (task.start) {
    w.alpha.set(task.start.alpha);
    w.f.set(task.start.values);
  }
  return task.grid.map((C) => {
    const { bias, ...certificate } = solve(w, kernels, C, settings);
    return {
      C,
      certificate,
      bias,
      ...(keep === 'values' ? { values: heldValues(w, held, bias) } : { alpha: Float64Array.from(w.alpha) }),
    };
  });
};
