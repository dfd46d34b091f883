// Trains by the dual: one Gram matrix for all classes, then the weights, then their certificates.
import type { Matrix } from '../matrix.js';
import { type Gram, gramOf } from './gram.js';
import type { Fit } from './model.js';
import { type PathOptions, solvePaths } from './paths.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import type { Solution } from './solver/task.js';
import { certify, exactValues, exactWeights, products, weightsOf } from './weights.js';

/** Maximum number of refinements of a class whose weights miss the tolerance because of float32 rounding. */
const REFINEMENTS = 8;

/** Below this tolerance, decision values from float32 products do not certify a gap. */
const FLOAT32_TOLERANCE = 1e-5;

/** Options of the dual solver. */
export interface DualOptions extends PathOptions {
  /** The Gram matrix of the same rows, if it has been computed already. */
  readonly gram?: Gram;
}

/**
 * Trains each class with its C. The gap is computed from the weights, not from the float32 Gram matrix. If it
 * is above the tolerance, weights and decision values are recomputed in float64 and the solver continues from
 * them: iterative refinement, which float32 products do not limit.
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
  const updates = solutions.map(({ certificate }) => certificate.updates);
  const weights = weightsOf(descriptors, classes, alphas, gram.slots);
  const biases = Float64Array.from(solutions, ({ bias }) => bias);
  const rowOfClass = (c: number): Float32Array =>
    weights.data.subarray(c * weights.columns, (c + 1) * weights.columns);
  const prove = (c: number, own: Float32Array | Float64Array, values: Float32Array | Float64Array) =>
    certify(classes[c]!.labels, values, biases[c]!, own, alphas[c]!, Cs[c]!, settings, updates[c]!);
  const all = products(descriptors, weights, gram.slots);
  const certificates = classes.map((_, c): Certificate => {
    const values = Float32Array.from({ length: gram.rows }, (__, i) => all.data[i * classes.length + c]!);
    return prove(c, rowOfClass(c), values);
  });

  /** Computes a class's weights in float64, certifies them, and returns their decision values. */
  const refresh = (c: number): Float64Array => {
    const exact = exactWeights(descriptors, classes[c]!.labels, alphas[c]!);
    rowOfClass(c).set(exact);
    const values = exactValues(descriptors, exact);
    certificates[c] = prove(c, exact, values);
    return values;
  };

  let open = [...classes.keys()].filter(
    (c) => settings.tolerance < FLOAT32_TOLERANCE || !certificates[c]!.converged,
  );
  let starts = new Map(open.map((c) => [c, refresh(c)]));
  open = open.filter((c) => !certificates[c]!.converged);
  for (let round = 0; round < REFINEMENTS && open.length > 0; round++) {
    const current = open;
    await solvePaths(
      gram,
      current.map((c) => classes[c]!),
      current.map((c) => [Cs[c]!]),
      { ...common, settings: { ...settings, tolerance: settings.tolerance / 2 } },
      options.threads === undefined ? {} : { threads: options.threads },
      (at, [solution]) => {
        const c = current[at]!;
        updates[c]! += solution!.certificate.updates;
        alphas[c] = solution!.alpha!;
        biases[c] = solution!.bias;
      },
      current.map((c) => ({ alpha: alphas[c]!, values: starts.get(c)! })),
    );
    starts = new Map(current.map((c) => [c, refresh(c)]));
    open = current.filter((c) => !certificates[c]!.converged);
  }
  return { solver: 'dual', weights, biases: Float32Array.from(biases), certificates, notes: [] };
};
