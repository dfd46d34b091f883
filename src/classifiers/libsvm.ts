// The solver "libsvm": libsvm-js with a precomputed kernel, in its own thread, whose output is discarded.
import { UsageError, expected, option, text } from '../errors.js';
import type { Matrix } from '../matrix.js';
import { openCheckpoint } from './checkpoint.js';
import { type Gram, gramOf } from './gram.js';
import { libsvmThread } from './libsvm-thread.js';
import type { Fit } from './model.js';
import type { PathOptions } from './paths.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import { sideWeights } from './solver/solve.js';
import { certify, exactValues, exactWeights } from './weights.js';

/** Rows beyond which libsvm-js overflows its 2 GB: 16 bytes for every pair of rows. */
export const MOST_LIBSVM_ROWS = 10_500;

/** Refuses what libsvm-js cannot solve, before it could abort the process. */
export const checkLibsvm = (rows: number, settings: FullSettings): void => {
  if (settings.loss !== 'hinge') {
    throw expected(
      'the hinge loss',
      text`${option('solver')} libsvm`,
      settings.loss,
      text`Choose ${option('solver')} dual for it.`,
    );
  }
  if (settings.bias !== 'unregularised') {
    throw expected(
      'the unregularised bias',
      text`${option('solver')} libsvm`,
      settings.bias,
      text`Choose ${option('solver')} dual for it.`,
    );
  }
  if (rows > MOST_LIBSVM_ROWS) {
    throw new UsageError(
      text`Expected at most ${MOST_LIBSVM_ROWS} rows for ${option('solver')} libsvm but received ${rows}: libsvm-js would run out of its 2 GB. Choose ${option('solver')} dual.`,
    );
  }
};

/** The kernel of a subset of the rows. */
const kernelOf = (gram: Gram, rows: readonly number[]): Float32Array => {
  const kernel = new Float32Array(rows.length ** 2);
  rows.forEach((row, i) => {
    const from = gram.data.subarray(row * gram.rows, (row + 1) * gram.rows);
    rows.forEach((column, j) => (kernel[i * rows.length + j] = from[column]!));
  });
  return kernel;
};

/**
 * The bias from the free support vectors, at full precision: the mean of y - f; else the midpoint of its
 * bounds.
 */
const biasOf = (
  labels: Int8Array,
  values: Float64Array,
  alpha: Float64Array,
  upper: (y: number) => number,
): number => {
  let [sum, free, highest, lowest] = [0, 0, -Infinity, Infinity];
  labels.forEach((y, i) => {
    if (y === 0) return;
    const [a, u, error] = [alpha[i]!, upper(y), y - values[i]!];
    if (a > 1e-9 * u && a < (1 - 1e-9) * u) {
      sum += error;
      free++;
    }
    if (y > 0 ? a < u : a > 0) highest = Math.max(highest, error);
    if (y > 0 ? a > 0 : a < u) lowest = Math.min(lowest, error);
  });
  return free > 0 ? sum / free : (highest + lowest) / 2;
};

/**
 * Trains each class by libsvm-js. Decision values are computed from its coefficients, since it returns none.
 * It always stores its kernel in float32, so that at a large C its optimum is that of a slightly different
 * problem.
 *
 * @param options.checkpoint a folder in which each solved class's coefficients are saved
 * @param options.script the thread's module (tests replace it)
 * @throws VerydeepError naming the class on which its thread died twice
 */
export const fitLibsvm = async (
  descriptors: Matrix,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: Pick<PathOptions, 'checkpoint' | 'part' | 'onProgress'> & {
    readonly gram?: Gram;
    readonly script?: URL;
  },
): Promise<Fit> => {
  checkLibsvm(descriptors.rows, settings);
  const gram = options.gram ?? gramOf(descriptors);
  const { columns } = descriptors;
  const data = new Float32Array(classes.length * columns);
  const biases = new Float32Array(classes.length);
  const certificates: Certificate[] = [];
  const kept = options.checkpoint
    ? await openCheckpoint(
        options.checkpoint,
        `libsvm-${options.part ?? 'fit'}`,
        gram,
        { settings, keep: 'coefficients' },
        classes.map(({ labels }, index) => ({ index, labels, grid: [Cs[index]!] })),
      )
    : undefined;
  const thread = libsvmThread(options.script);
  const solve = async (c: number): Promise<Float64Array> => {
    const { name, labels } = classes[c]!;
    const rows = [...labels.keys()].filter((row) => labels[row] !== 0);
    const coefficients = await thread.solve(name, () => ({
      kernel: kernelOf(gram, rows),
      labels: Int8Array.from(rows, (row) => labels[row]!),
      C: Cs[c]!,
      ...sideWeights(labels, settings.classWeight),
      // libsvm's own tolerance: the violation of the optimality conditions, in units of decision values.
      tolerance: settings.resolved ? settings.tolerance / 10 : settings.tolerance,
    }));
    const alpha = new Float64Array(descriptors.rows);
    rows.forEach((row, i) => (alpha[row] = Math.abs(coefficients[i]!)));
    return alpha;
  };
  try {
    for (const [c, { labels }] of classes.entries()) {
      const C = Cs[c]!;
      const before = (await kept?.read(c))?.[0]?.alpha;
      const alpha = before ?? (await solve(c));
      const weights = exactWeights(descriptors, labels, alpha);
      data.set(weights, c * columns);
      const values = exactValues(descriptors, weights);
      const sides = sideWeights(labels, settings.classWeight);
      const bias = biasOf(labels, values, alpha, (y) => C * (y > 0 ? sides.positive : sides.negative));
      biases[c] = bias;
      const certificate = certify(labels, values, bias, weights, alpha, C, settings, 0);
      certificates[c] = certificate;
      if (!before) await kept?.write(c, [{ C, certificate, bias, alpha }]);
      options.onProgress?.({ task: 'svm', done: c + 1, total: classes.length, unit: 'classes' });
    }
  } finally {
    await thread.close();
  }
  return {
    solver: 'libsvm',
    weights: { rows: classes.length, columns, data },
    biases,
    certificates,
    notes: [],
  };
};
