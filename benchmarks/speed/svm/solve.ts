// Times our solver: the Gram matrix, then all classes and values of C.
import { type Gram, gramOf } from '../../../src/classifiers/gram.js';
import { solvePaths } from '../../../src/classifiers/paths.js';
import type { Bias } from '../../../src/classifiers/options.js';
import { type ClassLabels, fullSettings } from '../../../src/classifiers/problem.js';
import type { Matrix } from '../../../src/matrix.js';

/** The best of the repetitions. */
export interface Solved {
  readonly seconds: number;
  /** Of these, seconds for the Gram matrix. */
  readonly gramSeconds: number;
  readonly worstGap: number;
}

/**
 * Solves all classes for a grid as the choice of C does, to a proved gap of 1e-3. Repetitions reuse the memory of the
 * first.
 */
export const solveGrid = async (
  matrix: Matrix,
  classes: readonly ClassLabels[],
  grid: readonly number[],
  options: { readonly threads: number; readonly repetitions: number; readonly bias?: Bias },
): Promise<Solved> => {
  const { threads, repetitions, bias = 'augmented' } = options;
  const common = { settings: fullSettings({ bias, tolerance: 1e-3 }), keep: 'values' } as const;
  let best: Solved | undefined;
  let gram: Gram | undefined;
  for (let i = 0; i < repetitions; i++) {
    let worstGap = 0;
    const start = performance.now();
    gram = gramOf(matrix, { threads, reuse: gram });
    const gramSeconds = (performance.now() - start) / 1000;
    const grids = classes.map(() => grid);
    await solvePaths(gram, classes, grids, common, { threads }, (_, solutions) => {
      for (const { certificate } of solutions) worstGap = Math.max(worstGap, certificate.gap);
    });
    const seconds = (performance.now() - start) / 1000;
    if (!best || seconds < best.seconds) best = { seconds, gramSeconds, worstGap };
  }
  return best!;
};

/** The faster of two. */
export const faster = (a: Solved, b: Solved): Solved => (b.seconds < a.seconds ? b : a);
