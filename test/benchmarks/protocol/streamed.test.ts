// Training that streams descriptors from the store where the Gram matrix does not fit in memory.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { benchmarkNamed } from '../../../benchmarks/list.js';
import { crossValidated } from '../../../benchmarks/protocol/cross-validation.js';
import {
  type Descriptors,
  openDescriptors,
  stackedStores,
} from '../../../benchmarks/protocol/descriptors.js';
import { evaluate, datasetFor } from '../../../benchmarks/protocol/evaluate.js';
import { type FitOptions, fit, scoresOf } from '../../../benchmarks/protocol/fit.js';
import { splitResult } from '../../../benchmarks/protocol/results.js';
import { streamed } from '../../../benchmarks/protocol/streamed.js';
import { recallMetric } from '../../../benchmarks/protocol/caltech.js';
import { openFeatures } from '../../../src/features/store/reader.js';
import { PART_SIZE } from '../../../src/features/store/store.js';
import { UsageError } from '../../../src/errors.js';
import { farthest } from '../../classifiers/data.js';
import { withFolder } from '../../support.js';
import { type MadeRow, clusters, makeStore } from '../stores.js';

const classes = ['cat', 'dog', 'pie'];
const itemsOf = (rows: readonly MadeRow[]) =>
  rows.map(({ id, labels }) => ({ id, path: id, source: { file: id }, labels }));

/** The descriptors, with the most rows that were read at once, and how many were read in all. */
const watched = (descriptors: Descriptors): Descriptors & { most: number; rows: number } => {
  const result = {
    ...descriptors,
    most: 0,
    rows: 0,
    read: async (items: Parameters<Descriptors['read']>[0]) => {
      result.most = Math.max(result.most, items.length);
      result.rows += items.length;
      return descriptors.read(items);
    },
  };
  return result;
};

describe('training on descriptors that are streamed', () => {
  const rows = clusters(classes, 500, 0.4);
  // Enough for the primal solver in small blocks, too little for a Gram matrix of 1,200 rows.
  const little: FitOptions = { memory: 70e6, blockRows: 128, threads: 1, cGrid: [0.1, 1] };

  it('happens where the Gram matrix does not fit: the same choice and scores, and the notes say why', () =>
    withFolder(async (folder) => {
      const store = await makeStore(join(folder, 'features'), rows);
      const benchmark = { ...benchmarkNamed('folder'), protocol: benchmarkNamed('folder').protocol };
      const run = async (svm: FitOptions) => {
        const descriptors = watched(await openDescriptors([store]));
        const dataset = await datasetFor(benchmark, undefined, {}, descriptors);
        const options = { seed: 1, splits: 1, trainPerClass: 400, bootstrap: { resamples: 2 } };
        const { outcomes } = await evaluate(benchmark, dataset, descriptors, { ...options, svm });
        return { outcome: outcomes[0]!, descriptors };
      };
      // Tight enough that both solvers are near the one optimum.
      const tolerance = 1e-6;
      const whole = await run({ threads: 1, cGrid: [0.1, 1], tolerance });
      const parts = await run({ ...little, tolerance });
      assert.equal(whole.outcome.model.solver, 'dual');
      assert.equal(whole.descriptors.most, 1200);
      assert.equal(parts.outcome.model.solver, 'primal');
      assert.ok(
        parts.descriptors.most <= 300,
        'the 300 test images are scored at once, training images never',
      );
      assert.match(
        splitResult(parts.outcome, []).notes.join(),
        /primal solver, because the dual solver needs .* GiB are free/,
      );
      assert.deepEqual(parts.outcome.selection!.C, whole.outcome.selection!.C);
      parts.outcome.selection!.curve.forEach(({ mean }, i) =>
        assert.ok(Math.abs(mean - whole.outcome.selection!.curve[i]!.mean) < 0.02),
      );
      const off = farthest(parts.outcome.scores.data, whole.outcome.scores.data);
      assert.ok(off < 0.003, `${off}`);
    }));

  it('reads each part of every store once a pass, in the order of the first', () =>
    withFolder(async (folder) => {
      const backwards = [...rows].reverse();
      const stores = [
        await openFeatures([await makeStore(join(folder, 'a'), rows)]),
        await openFeatures([await makeStore(join(folder, 'b'), backwards, { name: 'b' })]),
      ];
      const descriptors = watched(stackedStores(stores));
      const wanted = itemsOf(rows)
        .filter((_, i) => i % 3 !== 0)
        .reverse();
      const { items, source } = streamed(descriptors, wanted);
      assert.deepEqual(items, [...wanted].reverse());
      let row = 0;
      for await (const { matrix } of source.batches()) {
        assert.ok(matrix.rows <= PART_SIZE);
        assert.deepEqual(matrix, await stackedStores(stores).read(items.slice(row, row + matrix.rows)));
        row += matrix.rows;
      }
      assert.equal(row, source.rows);
      assert.equal(descriptors.rows, source.rows);
    }));

  it('gives probabilities, folds and a C a class as training in memory does', () =>
    withFolder(async (folder) => {
      const few = clusters(classes, 40, 0.4);
      const descriptors = await openDescriptors([await makeStore(join(folder, 'features'), few)]);
      const train = itemsOf(few).reverse();
      const held = new Set(train.filter((_, i) => i % 4 === 0).map(({ id }) => id));
      const both = async <T>(run: (options: FitOptions) => Promise<T>): Promise<[T, T]> => [
        await run({ cGrid: [0.1, 1], threads: 1, tolerance: 1e-6 }),
        await run({ cGrid: [0.1, 1], threads: 1, tolerance: 1e-6, solver: 'primal', blockRows: 50 }),
      ];
      const [dual, primal] = await both((options) =>
        fit(descriptors, classes, train, held, recallMetric, {
          ...options,
          calibrate: true,
          cPerClass: true,
        }),
      );
      assert.deepEqual(primal.selection!.C, dual.selection!.C);
      assert.ok(farthest(primal.model.weights.data, dual.model.weights.data) < 2e-3);
      assert.equal(primal.model.sigmoids!.length, 3);
      const [a, b] = await both((options) => crossValidated(descriptors, classes, train, 3, options));
      b.selection!.curve.forEach((point, i) => {
        assert.ok(farthest(point.perClass, a.selection!.curve[i]!.perClass) < 1e-3);
      });
      assert.deepEqual(b.selection!.C, a.selection!.C);
    }));

  it('names an image whose descriptor is not finite, in training and in testing, and one that is there twice', () =>
    withFolder(async (folder) => {
      const few = clusters(classes, 6, 0.4).map((row, i) =>
        i === 8 ? { ...row, descriptor: row.descriptor.map((x, k) => (k === 5 ? NaN : x)) } : row,
      );
      const descriptors = await openDescriptors([await makeStore(join(folder, 'features'), few)]);
      const items = itemsOf(few);
      const train = (list: typeof items, solver: 'dual' | 'primal') =>
        fit(descriptors, classes, list, new Set(), recallMetric, { c: 1, solver, threads: 1 });
      const sound = items.filter((_, i) => i !== 8);
      for (const solver of ['dual', 'primal'] as const) {
        await assert.rejects(train(items, solver), /the descriptor of dog\/002.png, column 5 .*NaN/);
        await assert.rejects(
          train([...sound, sound[3]!, { ...sound[3]! }], solver),
          (error) => error instanceof UsageError && /every image once.*"cat\/003.png"/.test(error.message),
        );
      }
      const { model } = await train(sound, 'dual');
      await assert.rejects(scoresOf(descriptors, model, items), /the descriptor of dog\/002.png, column 5/);
    }));

  it('is refused before anything is read where not even that fits', () =>
    withFolder(async (folder) => {
      const few = clusters(classes, 4, 0.4);
      const descriptors = watched(await openDescriptors([await makeStore(join(folder, 'features'), few)]));
      await assert.rejects(
        fit(descriptors, classes, itemsOf(few), new Set(), recallMetric, { c: 1, memory: 1e6 }),
        (error) => error instanceof UsageError && /the primal solver needs/.test(error.message),
      );
      assert.equal(descriptors.rows, 0);
    }));
});
