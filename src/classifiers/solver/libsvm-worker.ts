// The thread in which libsvm-js runs: a precomputed kernel in, coefficients y alpha out.
import { createRequire } from 'node:module';
import { Moved } from '../../threads/messages.js';
import { serve } from '../../threads/serve.js';

/** One class for the thread: the kernel of its rows, row by row. */
export interface LibsvmTask {
  readonly kernel: Float32Array;
  readonly labels: Int8Array;
  readonly C: number;
  readonly positive: number;
  readonly negative: number;
  readonly tolerance: number;
}

interface Svm {
  train(samples: readonly Float64Array[], labels: readonly number[]): void;
  serializeModel(): string;
  free(): void;
}
type SvmClass = new (options: object) => Svm;

// Its types lack a kernel: PRECOMPUTED is "4".
const loaded = createRequire(import.meta.url)('libsvm-js') as Promise<SvmClass>;

/** Reads "coefficient 0:serial" lines; coefficients belong to the label that the model lists first. */
const coefficientsOf = (model: string, rows: number): Float64Array => {
  const [head = '', vectors = ''] = model.split(/^SV$/m);
  const sign = Number(/^label (\S+)/m.exec(head)?.[1]) > 0 ? 1 : -1;
  const coefficients = new Float64Array(rows);
  for (const [, value, serial] of vectors.matchAll(/^(\S+) 0:(\d+)/gm)) {
    coefficients[Number(serial) - 1] = sign * Number(value);
  }
  return coefficients;
};

const solve = async (task: LibsvmTask): Promise<Moved<Float64Array>> => {
  const Svm = await loaded;
  const rows = task.labels.length;
  const samples = Array.from({ length: rows }, (_, i) => {
    const sample = new Float64Array(rows + 1);
    sample[0] = i + 1;
    sample.set(task.kernel.subarray(i * rows, (i + 1) * rows), 1);
    return sample;
  });
  const svm = new Svm({
    type: '0',
    kernel: '4',
    cost: task.C,
    tolerance: task.tolerance,
    weight: { 1: task.positive, [-1]: task.negative },
    quiet: true,
  });
  try {
    svm.train(samples, [...task.labels]);
    const coefficients = coefficientsOf(svm.serializeModel(), rows);
    return new Moved(coefficients, [coefficients.buffer as ArrayBuffer]);
  } finally {
    svm.free();
  }
};

const handlers = { solve };
export type LibsvmHandlers = typeof handlers;

// After a failure the state of the library's memory is unknown.
serve(() => ({ handlers, fatal: true }));
