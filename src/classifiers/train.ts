// Trains one linear SVM a class, against all other rows.
import { expected } from '../errors.js';
import type { Matrix } from '../matrix.js';
import type { OnProgress } from '../progress.js';
import { type Gram, gramOf } from './gram.js';
import type { LinearModel } from './model.js';
import { type Solution, solvePaths } from './paths.js';
import {
  type ClassLabels,
  type SolverName,
  type SvmSettings,
  checkC,
  checkClasses,
  checkMatrix,
  checkSides,
  fullSettings,
} from './problem.js';

/** How to train, beside the problem's settings. */
export interface TrainOptions extends SvmSettings {
  /** Default `auto`. */
  readonly solver?: SolverName;
  /** The Gram matrix of the same rows, where it is at hand. */
  readonly gram?: Gram;
  /** Hash of the descriptors' recipe, kept in the model. */
  readonly recipe?: string;
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

/** w = Xᵀ (y alpha), of one class. */
const weightsOf = (matrix: Matrix, { coefficients }: Solution): Float64Array => {
  const weights = new Float64Array(matrix.columns);
  for (let i = 0; i < matrix.rows; i++) {
    const a = coefficients[i]!;
    if (a === 0) continue;
    const at = i * matrix.columns;
    for (let k = 0; k < weights.length; k++) weights[k]! += a * matrix.data[at + k]!;
  }
  return weights;
};

/**
 * Trains every class to the settings' duality gap.
 *
 * @param descriptors one row an image
 * @param classes each class's labels of those rows
 * @param C one for all classes, or one a class
 * @throws UsageError on descriptors that are not finite, a class without both sides, a C that is not above 0
 */
export const trainOneVsRest = async (
  descriptors: Matrix,
  classes: readonly ClassLabels[],
  C: number | readonly number[],
  options: TrainOptions = {},
): Promise<LinearModel> => {
  const settings = fullSettings(options);
  checkMatrix(descriptors);
  checkClasses(classes, descriptors.rows);
  for (const { name, labels } of classes) checkSides(name, labels);
  const Cs = typeof C === 'number' ? classes.map(() => C) : C;
  if (Cs.length !== classes.length) throw expected(`one C, or ${classes.length}`, 'C', Cs.length);
  Cs.forEach((value) => checkC(value));
  const gram = options.gram ?? gramOf(descriptors);
  const weights = new Float32Array(classes.length * descriptors.columns);
  const biases = new Float32Array(classes.length);
  const certificates: LinearModel['certificates'][number][] = [];
  await solvePaths(
    gram,
    classes,
    Cs.map((value) => [value]),
    settings,
    options,
    (index, solution) => {
      weights.set(weightsOf(descriptors, solution), index * descriptors.columns);
      biases[index] = solution.bias;
      certificates[index] = solution.certificate;
    },
  );
  return {
    classes: classes.map(({ name }) => name),
    weights: { rows: classes.length, columns: descriptors.columns, data: weights },
    biases,
    C: Cs,
    loss: settings.loss,
    bias: settings.bias,
    solver: 'dual',
    certificates,
    ...(options.recipe === undefined ? {} : { recipe: options.recipe }),
  };
};
