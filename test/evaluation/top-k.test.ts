import assert from 'node:assert/strict';
import type { Matrix } from '../../src/matrix.js';
import { topK } from '../../src/evaluation/top-k.js';

const matrix = (rows: number[][]): Matrix => ({
  rows: rows.length,
  columns: rows[0]!.length,
  data: Float32Array.from(rows.flat()),
});

describe('top-k', () => {
  const scores = matrix([
    [0.1, 0.9, 0.5], // truth 1: first
    [0.1, 0.9, 0.5], // truth 2: second
    [0.1, 0.9, 0.5], // truth 0: third
    [-Infinity, -Infinity, -Infinity], // no scores: never right
  ]);
  const truth = [1, 2, 0, 0];

  it('counts items whose class is among the k best', () => {
    assert.deepEqual(
      [1, 2, 3].map((k) => topK(scores, truth, k)),
      [1 / 4, 2 / 4, 3 / 4],
    );
  });

  it('breaks ties by class index', () => {
    const tied = matrix([[1, 1]]);
    assert.equal(topK(tied, [0], 1), 1);
    assert.equal(topK(tied, [1], 1), 0);
    assert.equal(topK(tied, [1], 2), 1);
  });

  it('refuses a k beyond the classes, rows that differ and labels out of range', () => {
    assert.throws(() => topK(scores, truth, 4), /from 1 to the 3 classes for k but received 4/);
    assert.throws(() => topK(scores, truth, 0), /received 0/);
    assert.throws(() => topK(scores, [1], 1), /1 rows of scores/);
    assert.throws(() => topK(scores, [1, 2, 0, 3], 1), /true class of item 3/);
  });
});
