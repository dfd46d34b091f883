import assert from 'node:assert/strict';
import { UsageError } from '../../src/errors.js';
import { decisionValues } from '../../src/classifiers/model.js';
import { oneVsRest } from '../../src/classifiers/problem.js';
import { selectC } from '../../src/classifiers/select.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import type { Matrix } from '../../src/matrix.js';
import { accuracy, clusters } from './data.js';

const { matrix, classes } = clusters(2, 10, 4);
const refused = (attempt: Promise<unknown> | (() => unknown), pattern: RegExp): Promise<void> =>
  assert.rejects(typeof attempt === 'function' ? Promise.resolve().then(attempt) : attempt, (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, pattern);
    return true;
  });

describe('bad input of the SVMs', () => {
  const change = (row: number, value: number): Matrix => {
    const data = matrix.data.slice();
    data[row * 4 + 2] = value;
    return { ...matrix, data };
  };
  const relabel = (value: number) => classes.map((c) => ({ ...c, labels: c.labels.map(() => value) }));

  for (const [name, train, pattern] of [
    ['NaN', () => trainOneVsRest(change(3, NaN), classes, 1), /row 3, column 2.*NaN/],
    ['infinity', () => trainOneVsRest(change(7, Infinity), classes, 1), /row 7, column 2.*Infinity/],
    ['no positives', () => trainOneVsRest(matrix, relabel(-1), 1), /"class 0" has no positive/],
    ['all positives', () => trainOneVsRest(matrix, relabel(1), 1), /"class 0" has no negative/],
    ['only ignored rows', () => trainOneVsRest(matrix, relabel(0), 1), /no positive/],
    ['labels of another value', () => trainOneVsRest(matrix, relabel(2), 1), /labels of 1, -1 or 0.*2/],
    [
      'no rows',
      () => trainOneVsRest({ rows: 0, columns: 4, data: new Float32Array() }, classes, 1),
      /at least one row/,
    ],
    [
      'one image',
      () =>
        trainOneVsRest(
          { rows: 1, columns: 4, data: matrix.data.slice(0, 4) },
          [{ name: 'a', labels: Int8Array.of(1) }],
          1,
        ),
      /no negative/,
    ],
    [
      'too few labels',
      () => trainOneVsRest(matrix, [{ name: 'a', labels: new Int8Array(3) }], 1),
      /20 labels.*"a".*received 3/,
    ],
    ['no classes', () => trainOneVsRest(matrix, [], 1), /at least one class/],
    ['a class twice', () => trainOneVsRest(matrix, [classes[0]!, classes[0]!], 1), /distinct class names/],
    ['C of zero', () => trainOneVsRest(matrix, classes, 0), /above 0 for C.*received 0/],
    ['a negative C', () => trainOneVsRest(matrix, classes, -1), /above 0 for C.*received -1/],
    ['C that is no number', () => trainOneVsRest(matrix, classes, NaN), /above 0 for C.*received NaN/],
    ['too few C', () => trainOneVsRest(matrix, classes, [1]), /one C, or 2/],
  ] as const)
    it(`is refused: ${name}`, () => refused(train(), pattern));

  for (const [options, pattern] of [
    [{ loss: 'logistic' }, /hinge or squared-hinge.*logistic/],
    [{ bias: 'none' }, /augmented or unregularised/],
    [{ tolerance: 0 }, /tolerance/],
    [{ biasScale: -1 }, /biasScale/],
    [{ classWeight: { positive: 0, negative: 1 } }, /classWeight.positive/],
    [{ solver: 'newton' }, /solver/],
    [{ solver: 'libsvm', loss: 'squared-hinge' }, /solver libsvm/],
    [{ solver: 'libsvm', bias: 'augmented' }, /solver libsvm/],
    [{ solver: 'primal', bias: 'unregularised' }, /solver primal/],
    [
      { solver: 'dual', memory: 1e6 },
      /the dual solver needs 0.1 GiB .*, but 0.0 GiB are free. Choose solver primal/,
    ],
    [{ solver: 'primal', memory: 1e6 }, /the primal solver needs .* are free. Train on fewer images/],
    [{ solver: 'libsvm', memory: 1e6 }, /libsvm-js needs .* are free. Choose solver dual/],
    [{ memory: 1e6 }, /the primal solver needs .* are free/],
    [{ memory: 1e6, bias: 'unregularised' }, /unregularised bias needs the dual solver/],
  ] as const)
    it(`is refused: ${JSON.stringify(options)}`, () =>
      refused(trainOneVsRest(matrix, classes, 1, options as object), pattern));

  for (const [options, pattern] of [
    [{}, /validation rows or cFolds/],
    [{ validation: [1], cFolds: 2 }, /validation rows or cFolds/],
    [{ validation: [] }, /at least one row for validation/],
    [{ validation: [20] }, /rows below 20 for validation.*received 20/],
    [{ validation: [0.5] }, /rows below 20/],
    [{ cFolds: 1 }, /2 to 20 folds/],
    [{ cFolds: 11 }, /at least 11 positive rows.*"class 0".*received 10/],
    [{ validation: [0], cGrid: [] }, /grid of C/],
    [{ validation: [0], cGrid: [1, -2] }, /grid of C.*-2/],
    [{ validation: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18] }, /"class 0" has no positive example/],
  ] as const)
    it(`is refused in choosing C: ${JSON.stringify(options)}`, () =>
      refused(selectC(matrix, classes, accuracy, options), pattern));

  it('is refused where labels name a class that does not exist', () => {
    assert.throws(() => oneVsRest(['a'], [['a'], ['b']]), /row 1.*"b"/);
  });

  it('is refused where descriptors of another length meet a model', async () => {
    const model = await trainOneVsRest(matrix, classes, 1);
    await refused(
      () => decisionValues(model, { rows: 1, columns: 3, data: new Float32Array(3) }),
      /4 numbers.*received 3/,
    );
  });

  it('is refused where descriptors of another recipe meet a model', async () => {
    const model = await trainOneVsRest(matrix, classes, 1, { recipe: 'a1' });
    await refused(() => decisionValues(model, matrix, 'b2'), /recipe a1.*received "b2"/);
    assert.deepEqual(decisionValues(model, matrix, 'a1'), decisionValues(model, matrix));
  });

  it('is refused in rows that come from disk, by the number of the row, by every solver', async () => {
    const spoiled = change(13, NaN);
    const source = {
      rows: 20,
      columns: 4,
      async *batches() {
        for (let row = 0; row < 20; row += 6) {
          await Promise.resolve();
          const end = Math.min(20, row + 6);
          yield { matrix: { rows: end - row, columns: 4, data: spoiled.data.slice(row * 4, end * 4) } };
        }
      },
    };
    for (const solver of ['dual', 'primal', 'libsvm'] as const)
      await refused(trainOneVsRest(source, classes, 1, { solver }), /row 13, column 2.*NaN/);
  });

  it('is led to the primal solver by auto where the dual one does not fit, and the model says so', async () => {
    const many = clusters(2, 1500, 4);
    const options = { memory: 85e6, blockRows: 512, threads: 1, tolerance: 1e-2 };
    const model = await trainOneVsRest(many.matrix, many.classes, 1, options);
    assert.equal(model.solver, 'primal');
    assert.match(model.notes[0]!, /primal solver, because the dual solver needs .* are free/);
  });

  it('labels a row without classes -1 everywhere, an ignored class 0', () => {
    const labels = oneVsRest(['a', 'b'], [['a'], [], ['a', 'b']], [[], ['b'], []]);
    assert.deepEqual(
      labels.map((c) => [...c.labels]),
      [
        [1, -1, 1],
        [-1, 0, 1],
      ],
    );
  });
});
