// Trains by the dual: one Gram matrix for all classes, then weights, then the proof of the weights themselves.
import type { Matrix } from '../matrix.js';
import { type Gram, gramOf } from './gram.js';
import type { Fit } from './model.js';
import { type PathOptions, solvePaths } from './paths.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import type { Solution } from './solver/task.js';
import { certify, exactValues, exactWeights, products, weightsOf } from './weights.js';

/** Times that a class is taken up again where the rounding of float32 left its weights short of the tolerance. */
const REFINEMENTS = 8;

/** Below this tolerance, decision values from float32 products do not prove a gap. */
const FLOAT32_TOLERANCE = 1e-5;

/** How the dual is solved. */
export interface DualOptions extends PathOptions {
  /** The Gram matrix of the same rows, where it is at hand. */
  readonly gram?: Gram;
}

/**
 * Trains each class with its C. The gap that counts is that of the weights themselves, not of their float32 Gram matrix.
 * Where it is above the tolerance, weights and decision values are computed again in float64, and the solver goes on
 * from there: iterative refinement, which float32 products do not limit.
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

  /** Computes a class's weights in float64, certifies them, and gives the decision values that go with them. */
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
