// Every class's solutions along a grid of C: the work that threads share.
import type { OnProgress } from '../progress.js';
import type { Gram } from './gram.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import { plainKernels } from './solver/kernels.js';
import { setLabels, solve } from './solver/solve.js';
import { REPORT, blockSize, workspaceAt, workspaceBytes } from './solver/workspace.js';

/** One class solved for one C. */
export interface Solution {
  readonly C: number;
  readonly certificate: Certificate;
  /** Coefficients y·alpha of the rows. */
  readonly coefficients: Float64Array;
  /** Decision values of every row, also of those that did not train. */
  readonly values: Float32Array;
  readonly bias: number;
}

/** Solves each class for its values of C (ascending, each from the one before), calling `take` for each solution. */
export const solvePaths = async (
  gram: Gram,
  classes: readonly ClassLabels[],
  grids: readonly (readonly number[])[],
  settings: FullSettings,
  options: { readonly held?: Uint8Array; readonly onProgress?: OnProgress },
  take: (index: number, solution: Solution) => void,
): Promise<void> => {
  const w = workspaceAt(
    gram.data,
    gram.rows,
    new ArrayBuffer(workspaceBytes(gram.rows, blockSize(gram.rows))),
    0,
  );
  const total = grids.reduce((sum, grid) => sum + grid.length, 0);
  let done = 0;
  for (const [index, { labels }] of classes.entries()) {
    setLabels(w, labels, options.held);
    for (const C of grids[index]!) {
      const certificate = solve(w, plainKernels, C, settings);
      take(index, {
        C,
        certificate,
        coefficients: Float64Array.from(w.alpha, (a, i) => a * w.y[i]!),
        values: Float32Array.from(w.f),
        bias: w.report[REPORT.bias]!,
      });
      options.onProgress?.({ task: 'svm', done: ++done, total, unit: 'problems' });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
};
