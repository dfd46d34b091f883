// Compares ways to choose C on few images: one held-out fifth and the smallest of equal values, or five folds and the middle.
// node scripts/choice-of-c.mjs STORE CLASSES IMAGES_A_CLASS TRAINING_IMAGES SEEDS [LEVEL]
import { gramOf } from '../dist/src/classifiers/gram.js';
import { decisionValues } from '../dist/src/classifiers/model.js';
import { oneVsRest } from '../dist/src/classifiers/problem.js';
import { refit, selectC } from '../dist/src/classifiers/select.js';
import { recallMetric } from '../dist/benchmarks/protocol/caltech.js';
import { setAside, stratifiedSplit } from '../dist/src/datasets/splits.js';
import { openFeatures } from '../dist/src/features/store/reader.js';
import { Random } from '../dist/src/random.js';

const [, , folder, ...numbers] = process.argv;
const [classes, each, trainPerClass, seeds, level] = numbers.map(Number);
const store = await openFeatures([folder]);
const all = await store.read(store.layers[0]);
const nameOf = (row) =>
  level ? store.labels[row][0].split('/').slice(0, level).join('/') : store.labels[row][0];
const rowsOf = Map.groupBy
  ? Map.groupBy(store.ids.keys(), nameOf)
  : [...store.ids.keys()].reduce(
      (map, row) => map.set(nameOf(row), [...(map.get(nameOf(row)) ?? []), row]),
      new Map(),
    );

const mean = (values) => values.reduce((a, b) => a + b) / values.length;
const deviation = (values) =>
  Math.sqrt(values.reduce((sum, x) => sum + (x - mean(values)) ** 2, 0) / (values.length - 1));
const matrixOf = (items) => {
  const data = new Float32Array(items.length * all.columns);
  items.forEach(({ row }, i) =>
    data.set(all.data.subarray(row * all.columns, (row + 1) * all.columns), i * all.columns),
  );
  return { rows: items.length, columns: all.columns, data };
};

const recalls = { fifth: [], folds: [] };
for (let seed = 1; seed <= seeds; seed++) {
  const random = new Random(seed, 'pick');
  const names = random
    .shuffle([...rowsOf.keys()].filter((name) => rowsOf.get(name).length >= each))
    .slice(0, classes)
    .sort();
  const items = names.flatMap((name) =>
    random
      .shuffle(rowsOf.get(name))
      .slice(0, each)
      .map((row) => ({
        id: store.ids[row],
        path: store.ids[row],
        source: { file: '' },
        labels: [name],
        row,
      })),
  );
  const { train, test } = stratifiedSplit(items, { trainPerClass, seed });
  const [matrix, tested] = [matrixOf(train), matrixOf(test)];
  const labelsOf = (list) =>
    oneVsRest(
      names,
      list.map(({ labels }) => labels),
    );
  const options = { solver: 'dual', gram: gramOf(matrix) };
  const recallAt = async (C) => {
    const model = await refit(matrix, labelsOf(train), { C }, options);
    const scores = await decisionValues(model, tested);
    return (
      100 *
      mean(
        recallMetric(
          scores,
          labelsOf(test).map(({ labels }) => labels),
        ),
      )
    );
  };
  const held = new Set(setAside(train, 0.2, seed).aside.map(({ id }) => id));
  const validation = train.flatMap(({ id }, row) => (held.has(id) ? [row] : []));
  const one = await selectC(matrix, labelsOf(train), recallMetric, {
    ...options,
    validation,
    tolerance: 1e-3,
  });
  const best = Math.max(...one.curve.map((point) => point.mean));
  recalls.fifth.push(await recallAt(one.curve.find((point) => point.mean === best).C));
  const folds = Math.min(5, trainPerClass);
  const groups = train.map(({ id }) => id);
  const { C } = await selectC(matrix, labelsOf(train), recallMetric, { ...options, cFolds: folds, groups });
  recalls.folds.push(await recallAt(C));
}
const shown = (values) => `${mean(values).toFixed(1)} ± ${deviation(values).toFixed(1)}`;
process.stdout.write(`a fifth ${shown(recalls.fifth)}, folds ${shown(recalls.folds)}\n`);
