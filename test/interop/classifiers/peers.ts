// Other people's linear SVMs at tight tolerances: LIBLINEAR's program, scikit-learn, and Newton's method in numpy.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Matrix } from '../../../src/matrix.js';
import { python, run } from '../python.js';

/** A binary problem for a peer. */
export interface PeerProblem {
  readonly loss: 'hinge' | 'squared-hinge';
  readonly bias: 'augmented' | 'unregularised';
  readonly C: number;
  readonly positive: number;
  readonly negative: number;
  /** The two weights are those that scikit-learn calls "balanced", and shall be found by it. */
  readonly balanced?: boolean;
}

/** Decision values of the rows of `test`, and whether the peer says that it converged. */
export interface PeerAnswer {
  readonly values: readonly number[];
  readonly converged: boolean;
  /** The weights and the bias behind them, where the peer tells them. */
  readonly weights?: readonly number[];
}

const sparse = ({ rows, columns, data }: Matrix, labels: Int8Array): string =>
  Array.from({ length: rows }, (_, i) => {
    const row = data.subarray(i * columns, (i + 1) * columns);
    return [
      labels[i]! > 0 ? '+1' : '-1',
      ...Array.from(row, (x, k) => (x === 0 ? '' : `${k + 1}:${x}`)).filter(Boolean),
    ].join(' ');
  }).join('\n');

/** LIBLINEAR's `liblinear-train` (Debian's liblinear-tools): -s 3 for the hinge, -s 2 for its square, -B 1. */
export const liblinear = async (
  folder: string,
  train: Matrix,
  labels: Int8Array,
  test: Matrix,
  problems: readonly PeerProblem[],
): Promise<PeerAnswer[]> => {
  const [data, model] = [join(folder, 'data.txt'), join(folder, 'model.txt')];
  await writeFile(data, `${sparse(train, labels)}\n`);
  const answers: PeerAnswer[] = [];
  for (const { loss, C, positive, negative } of problems) {
    const solver = loss === 'hinge' ? ['-s', '3', '-e', '1e-8'] : ['-s', '2', '-e', '1e-10'];
    const output = await run('liblinear-train', [
      ...[...solver, '-c', String(C), '-B', '1', '-w1', String(positive), '-w-1', String(negative)],
      ...[data, model],
    ]);
    const text = await readFile(model, 'utf8');
    const w = text
      .slice(text.indexOf('\nw\n') + 3)
      .trim()
      .split(/\s+/)
      .map(Number);
    const values = Array.from({ length: test.rows }, (_, i) => {
      let sum = w[test.columns]!;
      for (let k = 0; k < test.columns; k++) sum += w[k]! * test.data[i * test.columns + k]!;
      return sum;
    });
    answers.push({ values, weights: w, converged: !output.includes('reaching max number') });
  }
  return answers;
};

/**
 * LinearSVC is LIBLINEAR with as many iterations as it takes; SVC is LIBSVM. Neither has the squared hinge with a bias
 * that is not regularised: Newton's method on the primal finds its optimum to the last digits.
 */
const program = `
import json, sys, warnings
import numpy as np
from sklearn.svm import SVC, LinearSVC
warnings.simplefilter('error')
q = json.load(sys.stdin)
X, T = (np.array(q[name]).reshape(-1, q['columns']) for name in ('train', 'test'))
y = np.array(q['labels'])

def newton(C, cost):
    Z = np.hstack([X, np.ones((len(X), 1))])
    w = np.zeros(Z.shape[1])
    regular = np.append(np.ones(X.shape[1]), 0)
    def primal(w):
        slack = np.maximum(0, 1 - y * (Z @ w))
        return w[:-1] @ w[:-1] / 2 + (cost * slack ** 2).sum()
    for _ in range(200):
        slack = 1 - y * (Z @ w)
        active = slack > 0
        gradient = regular * w - 2 * Z.T @ (cost * y * np.maximum(0, slack))
        if np.abs(gradient).max() < 1e-11 * max(1, C): break
        step = np.linalg.solve(np.diag(regular) + 2 * (Z[active].T * cost[active]) @ Z[active] + 1e-12 * np.eye(len(w)), -gradient)
        size = 1.0
        while size > 1e-9 and primal(w + size * step) > primal(w): size /= 2
        w = w + size * step
    return np.hstack([T, np.ones((len(T), 1))]) @ w

answers = []
for p in q['problems']:
    weights = 'balanced' if p.get('balanced') else {1: p['positive'], -1: p['negative']}
    if p['bias'] == 'augmented':
        hinge = p['loss'] == 'hinge'
        model = LinearSVC(loss='hinge' if hinge else 'squared_hinge', dual=hinge, C=p['C'], class_weight=weights,
                          tol=1e-9 if hinge else 1e-11, max_iter=10_000_000, random_state=0)
        answers.append(model.fit(X, y).decision_function(T).tolist())
    elif p['loss'] == 'hinge':
        model = SVC(kernel='linear', C=p['C'], class_weight=weights, tol=1e-9, cache_size=500)
        answers.append(model.fit(X, y).decision_function(T).tolist())
    else:
        cost = np.where(y > 0, p['positive'], p['negative']) * p['C']
        answers.append(newton(p['C'], cost).tolist())
print(json.dumps(answers))
`;

/** scikit-learn's answers; a peer that did not converge is an error. */
export const scikitLearn = async (
  train: Matrix,
  labels: Int8Array,
  test: Matrix,
  problems: readonly PeerProblem[],
): Promise<PeerAnswer[]> => {
  const question = {
    train: Array.from(train.data),
    test: Array.from(test.data),
    labels: Array.from(labels),
    columns: train.columns,
    problems,
  };
  const answers = JSON.parse(await python(program, [], { input: JSON.stringify(question) })) as number[][];
  return answers.map((values) => ({ values, converged: true }));
};
