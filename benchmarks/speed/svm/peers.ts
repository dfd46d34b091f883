// Peers of the SVM benchmark: LIBLINEAR's C library, scikit-learn and libsvm-js, each at the loosest sufficient tolerance.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Gram } from '../../../src/classifiers/gram.js';
import type { Matrix } from '../../../src/matrix.js';
import { askPython } from '../python.js';

/** Tolerances to try, the loosest first. */
const tolerances = [1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4] as const;

/** Largest relative difference to the reference objective. */
export const QUALITY = 1e-3;

/** One binary problem, with its reference objective. */
export interface Problem {
  readonly labels: Int8Array;
  readonly C: number;
  readonly best: number;
  /** The tolerance to try first, kept if sufficient. Default: found by the search. */
  readonly start?: number;
}

/** Milliseconds of training and the tolerance; null if no tolerance was sufficient. */
export interface Timing {
  readonly milliseconds: number;
  readonly tolerance: number | null;
}

const program = `
import ctypes as c, json, sys, time, warnings
import numpy as np
q = json.load(sys.stdin)
X = np.fromfile(q['file'], np.float32).reshape(q['rows'], q['columns']).astype(np.float64)
n, d = X.shape

def primal(w, b, y, C):
    return (w @ w + b * b) / 2 + C * np.maximum(0, 1 - y * (X @ w + b)).sum()

def liblinear():
    lib = c.CDLL('liblinear.so.4')
    class Problem(c.Structure):
        _fields_ = [('l', c.c_int), ('n', c.c_int), ('y', c.c_void_p), ('x', c.c_void_p), ('bias', c.c_double)]
    class Parameter(c.Structure):
        _fields_ = [('solver', c.c_int), ('eps', c.c_double), ('C', c.c_double), ('weights', c.c_int), ('label', c.c_void_p),
                    ('weight', c.c_void_p), ('p', c.c_double), ('start', c.c_void_p)]
    class Model(c.Structure):
        _fields_ = [('parameter', Parameter), ('classes', c.c_int), ('features', c.c_int), ('w', c.POINTER(c.c_double)),
                    ('label', c.POINTER(c.c_int)), ('bias', c.c_double)]
    lib.train.restype = c.POINTER(Model)
    said = []
    quiet = c.CFUNCTYPE(None, c.c_char_p)(said.append)
    lib.set_print_string_function(quiet)
    node = np.dtype([('index', np.int32), ('value', np.float64)], align=True)
    rows = []
    for x in X:
        at = np.flatnonzero(x)
        row = np.zeros(len(at) + 2, node)
        row['index'][:-2], row['value'][:-2] = at + 1, x[at]
        row['index'][-2], row['value'][-2] = d + 1, 1
        row['index'][-1] = -1
        rows.append(row)
    pointers = np.array([row.ctypes.data for row in rows], np.uint64)
    def fit(y, C, tolerance):
        assert len(rows) == n and quiet # Both are kept alive here: Python would free what only the library points to.
        target = y.astype(np.float64)
        problem = Problem(n, d + 1, target.ctypes.data, pointers.ctypes.data, 1.0)
        parameter = Parameter(3, tolerance, C, 0, None, None, 0.1, None)
        said.clear()
        start = time.perf_counter()
        model = lib.train(c.byref(problem), c.byref(parameter))
        seconds = time.perf_counter() - start
        w = np.ctypeslib.as_array(model.contents.w, (d + 1,)) * model.contents.label[0]
        # LIBLINEAR gives up after 1,000 passes over the data, and says so.
        result = seconds, w[:-1].copy(), w[-1], any(b'max number of iterations' in text for text in said)
        lib.free_and_destroy_model(c.byref(model))
        return result
    return fit, 'LIBLINEAR ' + '.'.join(str(c.c_int.in_dll(lib, 'liblinear_version').value)) + " (C library), -s 3 -B 1"

def sklearn():
    import sklearn
    from sklearn.svm import LinearSVC
    warnings.simplefilter('ignore')
    def fit(y, C, tolerance):
        model = LinearSVC(loss='hinge', C=C, tol=tolerance, random_state=0)
        start = time.perf_counter()
        model.fit(X, y)
        return time.perf_counter() - start, model.coef_[0], model.intercept_[0], model.n_iter_ >= model.max_iter
    return fit, 'scikit-learn ' + sklearn.__version__ + ", LinearSVC(loss='hinge')"

fit, name = {'liblinear': liblinear, 'sklearn': sklearn}[q['peer']]()
timings = []
loosest = 0
for p in q['problems']:
    y = np.array(p['labels'], np.int64)
    tried = {}
    def good(at):
        if at not in tried:
            seconds, w, b, stuck = fit(y, p['C'], q['tolerances'][at])
            tried[at] = seconds, primal(w, b, y, p['C']) <= p['best'] * (1 + q['quality']), stuck
            print(name, 'C', p['C'], q['tolerances'][at], tried[at], file=sys.stderr)
        return tried[at][1]
    # From what was right for the problem before (or is given), to tighter ones until one is good, else to looser ones.
    at = p['start'] if p['start'] is not None else loosest
    if good(at):
        while p['start'] is None and at > 0 and good(at - 1): at -= 1
    else:
        while at + 1 < len(q['tolerances']) and not tried[at][2]:
            at += 1
            if good(at): break
    loosest = at
    timings.append({'milliseconds': 1000 * tried[at][0], 'tolerance': q['tolerances'][at] if tried[at][1] else None})
print(json.dumps({'name': name, 'timings': timings}))
`;

/** A peer's results, or the reason if it is missing. */
export type PeerTimings = { readonly name: string; readonly timings: readonly Timing[] } | string;

/** LIBLINEAR through ctypes, or scikit-learn. Only training is timed, on one thread. */
export const pythonPeer = async (
  peer: 'liblinear' | 'sklearn',
  matrix: Matrix,
  problems: readonly Problem[],
): Promise<PeerTimings> => {
  const folder = await mkdtemp(join(tmpdir(), 'verydeep-bench-'));
  try {
    const file = join(folder, 'descriptors.f32');
    await writeFile(file, matrix.data);
    return await askPython<Exclude<PeerTimings, string>>(
      ['scikit-learn', 'numpy'],
      program,
      {
        peer,
        file,
        rows: matrix.rows,
        columns: matrix.columns,
        tolerances,
        quality: QUALITY,
        problems: problems.map(({ labels, C, best, start }) => ({
          labels: Array.from(labels),
          C,
          best,
          start: start === undefined ? null : tolerances.findIndex((tolerance) => tolerance <= start),
        })),
      },
      { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

interface Svm {
  train(samples: readonly Float64Array[], labels: readonly number[]): void;
  serializeModel(): string;
  free(): void;
}
type SvmClass = new (options: object) => Svm;

/** Minimises the primal objective over the bias, given decision values without it; the minimum is at a kink. */
const primalOf = ({ labels, C }: Problem, signed: Float64Array, values: Float64Array): number => {
  let norm = 0;
  signed.forEach((a, i) => (norm += a * values[i]!));
  const lossAt = (b: number): number => {
    let sum = 0;
    labels.forEach((y, i) => (sum += Math.max(0, 1 - y * (values[i]! + b))));
    return sum;
  };
  let [low, high] = [-1e3, 1e3];
  for (let step = 0; step < 100; step++) {
    const [a, b] = [low + (high - low) / 3, high - (high - low) / 3];
    if (lossAt(a) < lossAt(b)) high = b;
    else low = a;
  }
  return norm / 2 + C * lossAt((low + high) / 2);
};

/** libsvm-js on a precomputed kernel. Timed is `train`, which copies the kernel; not its computation. */
export const libsvmPeer = async (gram: Gram, problems: readonly Problem[]): Promise<PeerTimings> => {
  const Svm = await (createRequire(import.meta.url)('libsvm-js') as Promise<SvmClass>);
  const { rows, data } = gram;
  const samples = Array.from({ length: rows }, (_, i) => {
    const sample = new Float64Array(rows + 1);
    sample[0] = i + 1;
    sample.set(data.subarray(i * rows, (i + 1) * rows), 1);
    return sample;
  });
  const timings = problems.map((problem): Timing => {
    let milliseconds = 0;
    for (const tolerance of tolerances) {
      const svm = new Svm({
        type: '0',
        kernel: '4',
        cost: problem.C,
        tolerance,
        quiet: true,
        cacheSize: 500,
      });
      const start = performance.now();
      svm.train(samples, [...problem.labels]);
      milliseconds = performance.now() - start;
      const model = svm.serializeModel();
      svm.free();
      const [head = '', vectors = ''] = model.split(/^SV$/m);
      const sign = Number(/^label (\S+)/m.exec(head)?.[1]) > 0 ? 1 : -1;
      const signed = new Float64Array(rows);
      for (const [, value, serial] of vectors.matchAll(/^(\S+) 0:(\d+)/gm))
        signed[Number(serial) - 1] = sign * Number(value);
      const values = new Float64Array(rows);
      signed.forEach((a, i) => {
        if (a !== 0) for (let j = 0; j < rows; j++) values[j]! += a * data[i * rows + j]!;
      });
      if (primalOf(problem, signed, values) <= problem.best * (1 + QUALITY))
        return { milliseconds, tolerance };
    }
    return { milliseconds, tolerance: null };
  });
  return { name: 'libsvm-js 0.2.1, C-SVC, precomputed kernel', timings };
};
