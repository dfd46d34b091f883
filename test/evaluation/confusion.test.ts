import assert from 'node:assert/strict';
import {
  accuracy,
  classRecalls,
  classSizes,
  confusionMatrix,
  countOf,
  meanClassRecall,
} from '../../src/evaluation/confusion.js';
import { argmax, rank } from '../../src/evaluation/ranking.js';

describe('confusion', () => {
  // Class 0: 3 of 4 right. Class 1: its one item right. Class 2: one of two right, the other without a prediction.
  const confusion = confusionMatrix([0, 0, 0, 0, 1, 2, 2], [0, 0, 0, 1, 1, 2, -1], 3);

  it('counts by true and predicted class', () => {
    assert.deepEqual([...confusion.counts], [3, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1]);
    assert.deepEqual([...classSizes(confusion)], [4, 1, 2]);
    assert.equal(countOf(confusion, 2, 3), 1);
  });

  it('weighs classes, not items: mean class recall is 75 %, accuracy 5 of 7', () => {
    assert.deepEqual([...classRecalls(confusion)], [0.75, 1, 0.5]);
    assert.equal(meanClassRecall(confusion), 0.75);
    assert.equal(accuracy(confusion), 5 / 7);
  });

  it('leaves a class without items out of the mean', () => {
    const partial = confusionMatrix([0, 0], [0, 1], 2);
    assert.ok(Number.isNaN(classRecalls(partial)[1]));
    assert.equal(meanClassRecall(partial), 0.5);
    assert.ok(Number.isNaN(meanClassRecall(confusionMatrix([], [], 2))));
  });

  it('refuses an index out of range and lengths that differ', () => {
    assert.throws(() => confusionMatrix([2], [0], 2), /true class of item 0.*received 2/);
    assert.throws(() => confusionMatrix([0], [2], 2), /predicted class of item 0.*received 2/);
    assert.throws(() => confusionMatrix([0, 1], [0], 2), /2 predictions/);
  });
});

describe('ranking', () => {
  it('is stable and puts missing scores last, in order', () => {
    assert.deepEqual([...rank([1, -Infinity, 3, 3, -Infinity, 2])], [2, 3, 5, 0, 1, 4]);
  });

  it('takes the first of equal maxima, and -1 where nothing has a score', () => {
    assert.equal(argmax([-2, -1, -1]), 1);
    assert.equal(argmax([-Infinity, -Infinity]), -1);
    assert.equal(argmax([]), -1);
  });
});
