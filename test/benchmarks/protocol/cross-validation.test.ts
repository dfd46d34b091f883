import assert from 'node:assert/strict';
import { join } from 'node:path';
import { crossValidated, stratifiedFolds } from '../../../benchmarks/protocol/cross-validation.js';
import { openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { withFolder } from '../../support.js';
import { makeStore } from '../stores.js';
import { vocLike } from '../voc-like.js';

describe('cross-validation', () => {
  it('gives every fold its share of each label, in runs of the order of rows', () => {
    const labels = [-1, 1, -1, -1, 1, -1, -1, 1, -1];
    // Six negatives and three positives over three folds: two negatives and one positive each.
    assert.deepEqual([...stratifiedFolds(labels, 3)], [0, 0, 0, 1, 1, 1, 2, 2, 2]);
  });

  it('chooses a C for each class, at the top of that class’s own curve', () =>
    withFolder(async (folder) => {
      const { dataset, rows } = vocLike();
      const descriptors = await openDescriptors([await makeStore(join(folder, 'a'), rows)]);
      const grid = [0.0001, 0.01, 1];
      const { model, selection } = await crossValidated(
        descriptors,
        dataset.classes,
        dataset.splits['trainval']!,
        3,
        { threads: 1, cGrid: grid, loss: 'squared-hinge', classWeight: { positive: 2, negative: 1 } },
      );
      const { curve } = selection!;
      assert.deepEqual(
        curve.map(({ C }) => C),
        grid,
      );
      model.C.forEach((C, c) => {
        const best = Math.max(...curve.map(({ perClass }) => perClass[c]!));
        assert.equal(curve.find((point) => point.C === C)!.perClass[c], best);
      });
      assert.equal(model.loss, 'squared-hinge');
    }));
});
