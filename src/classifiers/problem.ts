// What a linear SVM problem is: labels of each class, loss, bias, costs; and their checks.
import { UsageError, expected, shown } from '../errors.js';
import type { Matrix } from '../matrix.js';
import type { SolverName, SvmOptions } from './options.js';

/** The labels of one class: +1 the class, -1 another, 0 ignored in training (VOC's "difficult"), one for each row. */
export interface ClassLabels {
  readonly name: string;
  readonly labels: Int8Array;
}

/** The problem apart from its data: min ½|w|² + C Σ weight(yᵢ) loss(yᵢ, w·xᵢ + b). */
export interface SvmSettings extends Pick<SvmOptions, 'loss' | 'bias' | 'classWeight'> {
  /** The constant input of the augmented bias; default 1. */
  readonly biasScale?: number;
  /** Stop where (primal - dual) / primal is at most this; default 1e-4 (1e-3 while C is being chosen). */
  readonly tolerance?: number;
}

/**
 * {@link SvmSettings} with every default filled in: hinge loss, weights of 1, and the augmented bias, of the solver `libsvm`,
 * which has no other, the unregularised one.
 */
export type FullSettings = Required<SvmSettings> & {
  /** Whether decision values must be resolved as well as the objective: see {@link gapWanted}. */
  readonly resolved?: boolean;
};

/** Share of the variance of decision values, a row, that the gap may have where they must be resolved; less of few rows. */
const [RESOLUTION, FEW_ROWS] = [5e-5, 1000];
/** The least relative gap that is then asked for, and the rows from which on: of fewer rows one swap weighs more. */
const [LEAST_GAP, MANY_ROWS] = [4e-5, 3000];

/**
 * The relative gap to stop at. Relative to the primal alone it says little at a small C, where losses dominate: the
 * decision values, of which a ranking is made, may be far from the optimum's. While C is chosen the gap is therefore
 * held against their variance too: a gap g bounds |w - w*|² by 2 g.
 *
 * @param values number, sum and sum of squares of the decision values, of all rows
 */
export const gapWanted = (
  { tolerance, resolved = false }: FullSettings,
  primal: number,
  values: () => { readonly rows: number; readonly sum: number; readonly squares: number },
): number => {
  if (!resolved || !(primal > 0)) return tolerance;
  const { rows, sum, squares } = values();
  const variance = Math.max(0, squares / rows - (sum / rows) ** 2);
  const least = LEAST_GAP * Math.min(1, rows / MANY_ROWS) ** 2;
  return Math.min(
    tolerance,
    Math.max(least, (RESOLUTION * rows * Math.min(1, rows / FEW_ROWS) ** 3 * variance) / primal),
  );
};

/** What was proved of one class's solution. */
export interface Certificate {
  /** The primal objective at the solution, and the dual: the optimum lies between. */
  readonly primal: number;
  readonly dual: number;
  /** (primal - dual) / primal, 0 where rounding would make it negative. */
  readonly gap: number;
  /** Whether `gap` came down to the tolerance. */
  readonly converged: boolean;
  /** Rows with a coefficient that is not zero. */
  readonly supportVectors: number;
  /** Steps of single coefficients that were taken. */
  readonly updates: number;
}

/** Fills in the defaults and refuses what has no meaning; throws UsageError. */
export const fullSettings = (
  settings: SvmSettings & { readonly solver?: SolverName },
  tolerance = 1e-4,
): FullSettings => {
  const full = {
    loss: settings.loss ?? 'hinge',
    bias: settings.bias ?? (settings.solver === 'libsvm' ? 'unregularised' : 'augmented'),
    biasScale: settings.biasScale ?? 1,
    classWeight: settings.classWeight ?? { positive: 1, negative: 1 },
    tolerance: settings.tolerance ?? tolerance,
  };
  if (!['hinge', 'squared-hinge'].includes(full.loss)) {
    throw expected('hinge or squared-hinge', 'loss', full.loss);
  }
  if (!['augmented', 'unregularised'].includes(full.bias)) {
    throw expected('augmented or unregularised', 'bias', full.bias);
  }
  positive(full.biasScale, 'biasScale');
  positive(full.tolerance, 'tolerance');
  if (full.classWeight !== 'balanced') {
    positive(full.classWeight.positive, 'classWeight.positive');
    positive(full.classWeight.negative, 'classWeight.negative');
  }
  return full;
};

/** The settings as checkpoints name a problem by them, in the names of version 0.1: interrupted runs of it go on. */
export const storedSettings = ({ loss, bias, biasScale, classWeight, ...others }: FullSettings) => ({
  ...{ loss, bias, biasScale, classWeights: classWeight },
  ...others,
});

const positive = (value: number, where: string): void => {
  if (!(value > 0 && Number.isFinite(value))) throw expected('a finite number above 0', where, value);
};

/** Refuses a C that is not a finite number above 0. */
export const checkC = (C: number, where = 'C'): void => positive(C, where);

/** Refuses an empty matrix, one whose data do not match its shape, and numbers that are not finite (naming the row). */
export const checkMatrix = (matrix: Matrix, where = 'the descriptors'): void => {
  const { rows, columns, data } = matrix;
  if (!(rows > 0 && columns > 0)) {
    throw expected('at least one row and one column', where, `${rows} x ${columns}`);
  }
  if (data.length !== rows * columns) {
    throw expected(`${rows * columns} numbers (${rows} x ${columns})`, where, data.length);
  }
  checkFinite(matrix, where);
};

/** Refuses numbers that are not finite, naming the row; `first` is what the matrix's first row is called. */
export const checkFinite = ({ columns, data }: Matrix, where = 'the descriptors', first = 0): void => {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw expected(
        'finite numbers',
        `${where}, row ${first + Math.floor(i / columns)}, column ${i % columns}`,
        data[i],
        'Extract this image again, or leave it out.',
      );
    }
  }
};

/** Refuses labels of another length, other values, and classes without a positive or a negative row among `rows`. */
export const checkClasses = (classes: readonly ClassLabels[], rows: number): void => {
  if (classes.length === 0) throw expected('at least one class', 'classes', []);
  const seen = new Set<string>();
  for (const { name, labels } of classes) {
    if (seen.has(name)) throw expected('distinct class names', 'classes', name);
    seen.add(name);
    if (labels.length !== rows) {
      throw expected(`${rows} labels, one a row`, `class ${shown(name)}`, labels.length);
    }
    const at = labels.findIndex((y) => y !== 1 && y !== -1 && y !== 0);
    if (at >= 0) throw expected('labels of 1, -1 or 0', `class ${shown(name)}, row ${at}`, labels[at]);
  }
};

/** Refuses a class that has no positive or no negative row in training; `labels` are those that train. */
export const checkSides = (name: string, labels: Int8Array, part = 'the training rows'): void => {
  for (const [side, what] of [
    [1, 'positive'],
    [-1, 'negative'],
  ] as const) {
    if (!labels.includes(side)) {
      throw new UsageError(
        `Class ${shown(name)} has no ${what} example among ${part}. Leave the class out, or give it images of both kinds.`,
      );
    }
  }
};

/**
 * One-vs-rest labels from the class names of each row: +1 where the row has the class, else 0 where the class is among
 * the row's ignored ones, else -1.
 *
 * @throws UsageError where a row has a class that is not in `names`, or has none at all and `requireLabel` is set
 */
export const oneVsRest = (
  names: readonly string[],
  rows: readonly (readonly string[])[],
  ignored: readonly (readonly string[])[] = [],
): ClassLabels[] => {
  const index = new Map(names.map((name, i) => [name, i]));
  const classes = names.map((name) => ({ name, labels: new Int8Array(rows.length).fill(-1) }));
  const set = (row: number, name: string, value: number): void => {
    const at = index.get(name);
    if (at === undefined) throw expected(`one of the ${names.length} classes`, `row ${row}`, name);
    classes[at]!.labels[row] = value;
  };
  rows.forEach((present, row) => {
    for (const name of ignored[row] ?? []) set(row, name, 0);
    for (const name of present) set(row, name, 1);
  });
  return classes;
};
