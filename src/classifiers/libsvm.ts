// The solver "libsvm": libsvm-js with a precomputed kernel, in a thread of its own, whose noise nobody hears.
import { Worker } from 'node:worker_threads';
import { UsageError, VerydeepError, expected, messageOf } from '../errors.js';
import type { Matrix } from '../matrix.js';
import type { OnProgress } from '../progress.js';
import { type Gram, gramOf } from './gram.js';
import type { Fit } from './model.js';
import type { Certificate, ClassLabels, FullSettings } from './problem.js';
import { sideWeights } from './solver/solve.js';
import { certify, exactValues, exactWeights } from './weights.js';

/** Rows beyond which libsvm-js overflows its 2 GB: 16 bytes for every pair of rows. */
export const MOST_LIBSVM_ROWS = 10_500;

/** One class for the thread: the kernel of its rows, row by row. */
export interface LibsvmTask {
  readonly kernel: Float32Array;
  readonly labels: Int8Array;
  readonly C: number;
  readonly positive: number;
  readonly negative: number;
  readonly tolerance: number;
}

/** Refuses what libsvm-js cannot do, before it could end the process. */
export const checkLibsvm = (rows: number, settings: FullSettings): void => {
  if (settings.loss !== 'hinge') {
    throw expected('the hinge loss', '--solver libsvm', settings.loss, 'Choose --solver dual for it.');
  }
  if (settings.bias !== 'unregularised') {
    throw expected(
      'the unregularised bias',
      '--solver libsvm',
      settings.bias,
      'Choose --solver dual for it.',
    );
  }
  if (rows > MOST_LIBSVM_ROWS) {
    throw new UsageError(
      `Expected at most ${MOST_LIBSVM_ROWS} rows for --solver libsvm but received ${rows}: libsvm-js would run out of its 2 GB. Choose --solver dual.`,
    );
  }
};

/** The kernel of some of the rows. */
const kernelOf = (gram: Gram, rows: readonly number[]): Float32Array => {
  const kernel = new Float32Array(rows.length ** 2);
  rows.forEach((row, i) => {
    const from = gram.data.subarray(row * gram.rows, (row + 1) * gram.rows);
    rows.forEach((column, j) => (kernel[i * rows.length + j] = from[column]!));
  });
  return kernel;
};

/** Gives tasks to one thread and takes coefficients y alpha back, in order. */
const libsvmThread = () => {
  // What the module prints as it loads ends in these streams, which nobody reads.
  const worker = new Worker(new URL('./solver/libsvm-worker.js', import.meta.url), {
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  const solve = (task: LibsvmTask): Promise<Float64Array> =>
    new Promise((resolve, reject) => {
      const settle = (): void => {
        worker.removeAllListeners('message').removeAllListeners('error').removeAllListeners('exit');
      };
      const fail = (reason: string) => () => {
        settle();
        reject(new VerydeepError(`libsvm-js failed: ${reason}. Choose --solver dual.`));
      };
      worker.on('message', (coefficients: Float64Array) => {
        settle();
        resolve(coefficients);
      });
      worker.on('error', (error) => fail(messageOf(error))());
      worker.on('exit', fail('its thread ended'));
      worker.postMessage(task, [task.kernel.buffer as ArrayBuffer]);
    });
  return { solve, close: () => worker.terminate() };
};

/** The bias from the free support vectors, at full precision: the mean of y - f; else the middle of its bounds. */
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

/** Trains each class by libsvm-js. Decision values are rebuilt from its coefficients, not asked of it: it gives none. */
export const fitLibsvm = async (
  descriptors: Matrix,
  classes: readonly ClassLabels[],
  Cs: readonly number[],
  settings: FullSettings,
  options: { readonly gram?: Gram; readonly onProgress?: OnProgress },
): Promise<Fit> => {
  checkLibsvm(descriptors.rows, settings);
  const gram = options.gram ?? gramOf(descriptors);
  const { columns } = descriptors;
  const data = new Float32Array(classes.length * columns);
  const biases = new Float32Array(classes.length);
  const certificates: Certificate[] = [];
  const thread = libsvmThread();
  try {
    for (const [c, { labels }] of classes.entries()) {
      const rows = [...labels.keys()].filter((row) => labels[row] !== 0);
      const { positive, negative } = sideWeights(labels, settings.classWeights);
      const C = Cs[c]!;
      const coefficients = await thread.solve({
        kernel: kernelOf(gram, rows),
        labels: Int8Array.from(rows, (row) => labels[row]!),
        C,
        positive,
        negative,
        tolerance: settings.tolerance,
      });
      const alpha = new Float64Array(descriptors.rows);
      rows.forEach((row, i) => (alpha[row] = Math.abs(coefficients[i]!)));
      const weights = exactWeights(descriptors, labels, alpha);
      data.set(weights, c * columns);
      const values = exactValues(descriptors, weights);
      const bias = biasOf(labels, values, alpha, (y) => C * (y > 0 ? positive : negative));
      biases[c] = bias;
      certificates[c] = certify(labels, values, bias, weights, alpha, C, settings, 0);
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
