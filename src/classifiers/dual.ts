// Trains by the dual: one Gram matrix for all classes, then weights, then the proof of the weights themselves.
import type { Matrix } from '../matrix.js';
import { type Gram, gramOf } from './gram.js';
import type { Fit } from './model.js';
import { type PathOptions, solvePaths } from './paths.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import type { Solution } from './solver/task.js';
import { certify, exactWeights, products, weightsOf } from './weights.js';

/** Times that a class is taken up again where float32 rounding left its weights short of the tolerance. */
const REFINEMENTS = 4;

/** How the dual is solved. */
export interface DualOptions extends PathOptions {
  /** The Gram matrix of the same rows, where it is at hand. */
  readonly gram?: Gram;
}

/**
 * Trains each class with its C. Where the gap of the weights themselves (not of their float32 Gram matrix) is above the
 * tolerance, the solver goes on from decision values that were computed afresh: iterative refinement.
 */
export const fitDual = async (
  descriptors: Matrix,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: DualOptions,
): Promise<Fit> => {
  const gram = options.gram ?? gramOf(descriptors, options);
  const common = { settings, keep: 'coefficients' } as const;
  const solutions: Solution[] = [];
  await solvePaths(
    gram,
    classes,
    Cs.map((C) => [C]),
    common,
    options,
    (c, [solution]) => (solutions[c] = solution!),
  );
  const alphas = solutions.map(({ alpha }) => alpha!);
  const weights = weightsOf(descriptors, classes, alphas, gram.slots);
  const biases = Float32Array.from(solutions, ({ bias }) => bias);
  const certificates: Certificate[] = [];
  const prove = (indices: readonly number[], exact: Matrix): Float32Array[] => {
    const values = products(descriptors, exact, gram.slots);
    return indices.map((c, at) => {
      const column = Float32Array.from(
        { length: gram.rows },
        (_, i) => values.data[i * indices.length + at]!,
      );
      const updates = solutions[c]!.certificate.updates + (certificates[c]?.updates ?? 0);
      const row = exact.data.subarray(at * exact.columns, (at + 1) * exact.columns);
      certificates[c] = certify(
        classes[c]!.labels,
        column,
        biases[c]!,
        row,
        alphas[c]!,
        Cs[c]!,
        settings,
        updates,
      );
      return column;
    });
  };
  let values = prove([...classes.keys()], weights);
  let open = [...classes.keys()];
  for (let round = 0; round < REFINEMENTS; round++) {
    const still = open.flatMap((c, at) => (certificates[c]!.converged ? [] : [{ c, values: values[at]! }]));
    if (still.length === 0) break;
    open = still.map(({ c }) => c);
    const starts = still.map(({ c, values: f }) => ({ alpha: alphas[c]!, values: f }));
    await solvePaths(
      gram,
      open.map((c) => classes[c]!),
      open.map((c) => [Cs[c]!]),
      { ...common, settings: { ...settings, tolerance: settings.tolerance / 2 } },
      options.threads === undefined ? {} : { threads: options.threads },
      (at, [solution]) => {
        const c = open[at]!;
        solutions[c] = solution!;
        alphas[c] = solution!.alpha!;
        biases[c] = solution!.bias;
        weights.data.set(exactWeights(descriptors, classes[c]!.labels, alphas[c]), c * descriptors.columns);
      },
      starts,
    );
    const data = new Float32Array(open.length * descriptors.columns);
    open.forEach((c, at) => {
      const from = c * descriptors.columns;
      data.set(weights.data.subarray(from, from + descriptors.columns), at * descriptors.columns);
    });
    values = prove(open, { rows: open.length, columns: descriptors.columns, data });
  }
  return { solver: 'dual', weights, biases, certificates, notes: [] };
};
