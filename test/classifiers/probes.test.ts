import assert from 'node:assert/strict';
import { join } from 'node:path';
import { withParameter } from '../../src/classifiers/classifier.js';
import { decisionValues } from '../../src/classifiers/model.js';
import { loadModel, saveModel } from '../../src/classifiers/model-file.js';
import { probabilities } from '../../src/classifiers/platt.js';
import { oneVsRest } from '../../src/classifiers/problem.js';
import { selectC } from '../../src/classifiers/select.js';
import { type TrainOptions, trainOneVsRest } from '../../src/classifiers/train.js';
import { withFolder } from '../support.js';
import { accuracy, clusters, farthest, streamed } from './data.js';

const { matrix, classes } = clusters(3, 30, 10);
const validation = Array.from({ length: 30 }, (_, i) => i);

/** Classes that some images have together. */
const several = classes.map(({ name, labels }, c) => ({
  name,
  labels: labels.map((y, row) => (row % 5 === c ? 1 : y)),
}));

describe('nearest neighbours', () => {
  // Cosines with the query (1, 0): 1, 0.8, 0.6, 0; with (0, 2): 0, 0.6, 0.8, 1.
  const rows = { rows: 4, columns: 2, data: Float32Array.from([3, 0, 0.8, 0.6, 6, 8, 0, 1]) };
  const queries = { rows: 2, columns: 2, data: Float32Array.from([1, 0, 0, 2]) };
  const own = oneVsRest(['a', 'b'], [['a'], ['b'], ['b'], ['b']]);

  it('vote with exp(cosine / temperature), worked out by hand', async () => {
    const model = await trainOneVsRest(rows, own, 2, { classifier: 'knn', knnTemperature: 0.5 });
    const { data } = decisionValues(model, queries);
    const a = Math.exp(1 / 0.5) / (Math.exp(1 / 0.5) + Math.exp(0.8 / 0.5));
    assert.ok(farthest(data, [a, 1 - a, 0, 1]) < 1e-6, data.join());
    assert.deepEqual([...probabilities(model, decisionValues(model, queries))!.data], [...data]);
  });

  it('have no vote for a class that their label ignores', async () => {
    const ignored = [own[0]!, { name: 'b', labels: Int8Array.from([-1, 0, 1, 1]) }];
    const model = await trainOneVsRest(rows, ignored, 2, { classifier: 'knn' });
    const { data } = decisionValues(model, queries);
    assert.equal(data[1], 0); // Of the two nearest only the first, which is not of b, has a vote.
    assert.equal(data[3], 1);
  });

  it('are refused where there are fewer images than neighbours', async () => {
    await assert.rejects(trainOneVsRest(rows, own, 5, { classifier: 'knn' }), /neighbours.*5/);
    const fold = { classifier: 'knn', validation: [0], cGrid: [4] } as const;
    await assert.rejects(selectC(matrix, classes, accuracy, { ...fold, cGrid: [90] }), /neighbours/);
  });
});

describe('logistic regression', () => {
  it('minimises its objective: the gradient, worked out from the definition, is nothing', async () => {
    for (const [labels, C] of [
      [classes, 0.5],
      [several, 2],
    ] as const) {
      const model = await trainOneVsRest(matrix, labels, C, { classifier: 'logistic' });
      assert.equal(model.link, labels === classes ? 'softmax' : 'sigmoid');
      const likely = probabilities(model, decisionValues(model, matrix))!;
      for (let c = 0; c < 3; c++) {
        const gradient = Float64Array.from(model.weights.data.subarray(10 * c, 10 * c + 10));
        let bias = 0;
        for (let i = 0; i < matrix.rows; i++) {
          const residual = C * (likely.data[3 * i + c]! - (labels[c]!.labels[i]! > 0 ? 1 : 0));
          bias += residual;
          for (let k = 0; k < 10; k++) gradient[k]! += residual * matrix.data[10 * i + k]!;
        }
        assert.ok(Math.max(Math.abs(bias), ...gradient.map(Math.abs)) < 1e-3, `${bias} ${gradient.join()}`);
      }
    }
  });

  it('gives the same from rows that are streamed', async () => {
    const inMemory = await trainOneVsRest(matrix, several, 1, { classifier: 'logistic' });
    const fromDisk = await trainOneVsRest(streamed(matrix), several, 1, { classifier: 'logistic' });
    assert.ok(farthest(inMemory.weights.data, fromDisk.weights.data) < 1e-5);
  });

  it('has one C where classes exclude each other, and weights of two sides where they do not', async () => {
    const perClass = { classifier: 'logistic', validation, cPerClass: true } as const;
    await assert.rejects(selectC(matrix, classes, accuracy, perClass), /cPerClass/);
    await assert.rejects(trainOneVsRest(matrix, classes, [1, 2, 1], { classifier: 'logistic' }), /one C/);
    const weighted: TrainOptions = { classifier: 'logistic', classWeight: { positive: 3, negative: 1 } };
    await assert.rejects(trainOneVsRest(matrix, classes, 1, weighted), /balanced/);
    const model = await trainOneVsRest(matrix, several, [1, 2, 1], weighted);
    const doubled = await trainOneVsRest(matrix, several, 3, {
      ...weighted,
      classWeight: { positive: 1, negative: 1 / 3 },
    });
    assert.ok(farthest(model.weights.data.subarray(0, 10), doubled.weights.data.subarray(0, 10)) < 1e-3);
  });
});

describe('any classifier', () => {
  it('chooses its parameter on held-out rows as a model trained without them scores them', async () => {
    const grids = { logistic: [0.1, 1], knn: [1, 5] } as const;
    const rest = { rows: 60, columns: 10, data: matrix.data.slice(300) };
    const labels = classes.map((c) => ({ ...c, labels: c.labels.slice(30) }));
    const out = { rows: 30, columns: 10, data: matrix.data.slice(0, 300) };
    for (const classifier of ['logistic', 'knn'] as const) {
      const seen: Float32Array[] = [];
      const cGrid = grids[classifier];
      const options = { classifier, validation, cGrid, widen: false } as const;
      const { curve } = await selectC(
        matrix,
        classes,
        (scores, own) => {
          seen.push(scores.data);
          return accuracy(scores, own);
        },
        options,
      );
      assert.deepEqual(
        curve.map(({ C }) => C),
        cGrid,
      );
      for (const [i, C] of cGrid.entries()) {
        const model = await trainOneVsRest(rest, labels, C, { classifier });
        assert.ok(farthest(decisionValues(model, out).data, seen[i]!) < 2e-3, `${classifier} ${C}`);
      }
    }
  });

  it('is saved and loaded as it is', () =>
    withFolder(async (folder) => {
      for (const [classifier, C] of [
        ['logistic', 1],
        ['knn', 7],
      ] as const) {
        const model = await trainOneVsRest(matrix, classes, C, { classifier });
        const file = join(folder, `${classifier}.safetensors`);
        await saveModel(file, model);
        const loaded = await loadModel(file);
        assert.deepEqual(decisionValues(loaded, matrix), decisionValues(model, matrix));
        assert.deepEqual(
          probabilities(loaded, decisionValues(loaded, matrix)),
          probabilities(model, decisionValues(model, matrix)),
        );
      }
    }));

  it('refuses options of another by their name', () => {
    for (const [options, name] of [
      [{ classifier: 'knn', c: 1 }, 'c'],
      [{ classifier: 'logistic', loss: 'hinge' }, 'loss'],
      [{ classifier: 'logistic', calibrate: true }, 'calibrate'],
      [{ neighbours: [5] }, 'neighbours'],
      [{ classifier: 'logistic', knnTemperature: 1 }, 'knnTemperature'],
      [{ classifier: 'knn', solver: 'dual' }, 'solver'],
    ] as const) {
      assert.throws(
        () => withParameter(options),
        (error: { option?: string }) => error.option === name,
        name,
      );
    }
    assert.deepEqual(withParameter({ classifier: 'knn', neighbours: [20] }), { classifier: 'knn', c: 20 });
    assert.deepEqual(withParameter({ classifier: 'knn', neighbours: [1, 20] }), {
      classifier: 'knn',
      cGrid: [1, 20],
    });
  });
});
