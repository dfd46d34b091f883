// Logistic regression and weighted nearest neighbours against scikit-learn: probabilities and weights within 1e-4.
import assert from 'node:assert/strict';
import { decisionValues } from '../../../src/classifiers/model.js';
import { probabilities } from '../../../src/classifiers/platt.js';
import type { ClassLabels } from '../../../src/classifiers/problem.js';
import { type TrainOptions, trainOneVsRest } from '../../../src/classifiers/train.js';
import type { Matrix } from '../../../src/matrix.js';
import { clusters, farthest } from '../../classifiers/data.js';
import { python } from '../python.js';

const program = `
import json, sys, warnings
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
warnings.simplefilter('error')
q = json.load(sys.stdin)
X, T = (np.array(q[name]).reshape(-1, q['columns']) for name in ('train', 'test'))
Y = np.array(q['labels'])  # [classes, rows], +1, -1, 0
answers = []
for p in q['problems']:
    if p['classifier'] == 'knn':
        votes = lambda d: np.exp((1 - d) / p['temperature'])
        def knn(rows, y):
            return KNeighborsClassifier(p['k'], weights=votes, metric='cosine', algorithm='brute').fit(X[rows], y)
        everything = np.ones(len(X), bool)
        answers.append([knn(everything, own > 0).predict_proba(T)[:, 1].tolist() for own in Y])
        continue
    weight = 'balanced' if p['balanced'] else None
    def model(y, rows):
        return LogisticRegression(C=p['C'], class_weight=weight, solver='newton-cholesky', tol=1e-9, max_iter=1000).fit(X[rows], y[rows])
    if p['exclusive']:
        rows = (Y != 0).all(axis=0)
        answers.append(model(Y.argmax(axis=0), rows).predict_proba(T).T.tolist())
    else:
        answers.append([model(own, own != 0).predict_proba(T)[:, 1].tolist() for own in Y])
print(json.dumps(answers))
`;

interface Asked {
  readonly classifier: 'logistic' | 'knn';
  readonly C?: number;
  readonly k?: number;
  readonly temperature?: number;
  readonly balanced?: boolean;
  readonly exclusive?: boolean;
}

/** The largest difference of probabilities, over all problems. */
const compare = async (
  train: Matrix,
  classes: readonly ClassLabels[],
  test: Matrix,
  problems: readonly Asked[],
): Promise<void> => {
  const input = JSON.stringify({
    ...{ train: [...train.data], test: [...test.data], columns: train.columns, problems },
    labels: classes.map(({ labels }) => [...labels]),
  });
  const answers = JSON.parse(await python(program, [], { input })) as number[][][];
  for (const [i, asked] of problems.entries()) {
    const { classifier, C, k, temperature, balanced } = asked;
    const options: TrainOptions = {
      classifier,
      ...(temperature !== undefined && { knnTemperature: temperature }),
      ...(balanced && { classWeight: 'balanced' }),
    };
    const model = await trainOneVsRest(train, classes, C ?? k!, options);
    assert.ok(
      model.certificates.every(({ converged }) => converged),
      JSON.stringify(asked),
    );
    const ours = probabilities(model, decisionValues(model, test))!;
    classes.forEach((_, c) => {
      const own = Float64Array.from({ length: test.rows }, (__, row) => ours.data[row * classes.length + c]!);
      const far = farthest(own, answers[i]![c]!);
      assert.ok(far < 1e-4, `${JSON.stringify(asked)}, class ${c}: ${far}`);
      if (process.env['VERYDEEP_FIGURES'])
        process.stderr.write(`        ${JSON.stringify(asked)} ${far.toExponential(1)}\n`);
    });
  }
};

describe('logistic regression and nearest neighbours, against scikit-learn', function () {
  this.timeout(120_000);

  const { matrix, classes } = clusters(4, 40, 32, 1, 1.5);
  const unseen = clusters(4, 20, 32, 9, 1.5).matrix;
  const grid = [1e-3, 1e-2, 0.1, 1, 10, 100];

  it('agrees on classes that exclude each other: one multinomial problem', () => {
    const ignored = classes.map(({ name, labels }) => ({
      name,
      labels: labels.map((y, row) => (row % 7 === 0 ? 0 : y)),
    }));
    return compare(
      matrix,
      ignored,
      unseen,
      [false, true].flatMap((balanced) =>
        grid.map((C): Asked => ({ classifier: 'logistic', C, balanced, exclusive: true })),
      ),
    );
  });

  it('agrees on two classes: one binary problem', async () => {
    const { matrix: two, classes: names } = clusters(2, 40, 32, 3, 1.5);
    const problems = grid.map((C): Asked => ({
      classifier: 'logistic',
      C,
      balanced: false,
      exclusive: true,
    }));
    await compare(two, names, unseen, problems);
  });

  it('agrees on images with several labels, some of them ignored: one binary problem a class', () => {
    const several = classes.map(({ name, labels }, c) => ({
      name,
      labels: labels.map((y, row) => (row % 11 === c ? 1 : row % 13 === c ? 0 : y)),
    }));
    return compare(
      matrix,
      several,
      unseen,
      [false, true].flatMap((balanced) =>
        grid.map((C): Asked => ({ classifier: 'logistic', C, balanced, exclusive: false })),
      ),
    );
  });

  it('agrees on the votes of the nearest neighbours, with one label and with several', async () => {
    const several = classes.map(({ name, labels }, c) => ({
      name,
      labels: labels.map((y, row) => (row % 11 === c ? 1 : y)),
    }));
    const problems = [1, 5, 20, 160].flatMap((k) =>
      [0.07, 1].map((temperature): Asked => ({ classifier: 'knn', k, temperature })),
    );
    await compare(matrix, classes, unseen, problems);
    await compare(matrix, several, unseen, problems);
  });

  it('agrees on descriptors that are not scaled', async () => {
    const large = { ...matrix, data: matrix.data.map((x, i) => 30 * x + (i % 32 === 0 ? 100 : 0)) };
    const test = { ...unseen, data: unseen.data.map((x, i) => 30 * x + (i % 32 === 0 ? 100 : 0)) };
    await compare(large, classes, test, [
      { classifier: 'logistic', C: 0.01, balanced: false, exclusive: true },
      { classifier: 'knn', k: 10, temperature: 0.07 },
    ]);
  });
});
