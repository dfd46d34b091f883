import assert from 'node:assert/strict';
import { gramOf, whyNotDual } from '../../src/classifiers/gram.js';
import { checkMemory, whyNotBy } from '../../src/classifiers/memory.js';
import { UsageError } from '../../src/errors.js';
import { clusters } from './data.js';

describe('memory of the SVM solvers', () => {
  it('takes the memory of a Gram matrix that is not needed any more, where it is large enough', () => {
    const problem = (rows: number, seed: number) => clusters(2, rows / 2, 6, seed).matrix;
    const old = gramOf(problem(60, 1), { threads: 1 });
    const smaller = gramOf(problem(40, 2), { threads: 1, reuse: old, memory: 0 });
    assert.equal(smaller.memory, old.memory);
    assert.deepEqual([...smaller.data], [...gramOf(problem(40, 2), { threads: 1 }).data]);
    assert.notEqual(gramOf(problem(1000, 3), { threads: 1, reuse: old }).memory, old.memory);
    assert.equal(gramOf(problem(40, 2), { threads: 1, reuse: old, plain: true }).memory, undefined);
  });

  const caltech256 = { rows: 15_420, columns: 12_288, classes: 257, inMemory: false };
  const options = { threads: 2 };
  const gib = 2 ** 30;

  it('counts the Gram matrix, the descriptors where they are on disk, coefficients and weights', () => {
    // 4 · 15,420² + 4 · 15,420 · 12,288 + 24 · 15,420 · 257 + 8 · 12,288 · 257 bytes, and some for threads and products.
    const needed = 4 * 15_420 ** 2 + 4 * 15_420 * 12_288 + 24 * 15_420 * 257 + 8 * 12_288 * 257;
    assert.equal(whyNotBy('dual', caltech256, { ...options, memory: needed + 0.25 * gib }), undefined);
    assert.match(
      whyNotBy('dual', caltech256, { ...options, memory: needed })!,
      /needs 1.8 GiB of memory \(0.9 GiB for the Gram matrix of 15420 rows, 0.7 GiB for descriptors, 0.1 GiB for .*\), but 1.7 GiB are free/,
    );
    const there = { ...caltech256, inMemory: true };
    assert.equal(whyNotBy('dual', there, { ...options, memory: 1.25 * gib }), undefined);
    assert.equal(whyNotBy('dual', there, { ...options, gram: {}, memory: 0.3 * gib }), undefined);
    assert.match(whyNotBy('dual', there, { ...options, gram: {}, memory: 0.1 * gib })!, /coefficients/);
  });

  it('counts blocks of rows, coefficients and weights of the primal solver, not the descriptors', () => {
    const million = { rows: 1_000_000, columns: 4096, classes: 1000, inMemory: false };
    assert.match(
      whyNotBy('primal', million, { ...options, memory: 4 * gib })!,
      /needs 8\..* GiB of memory \(7.5 GiB for coefficients.*but 4.0 GiB are free/,
    );
    assert.equal(whyNotBy('primal', { ...million, classes: 20 }, { ...options, memory: gib }), undefined);
  });

  it('refuses more rows than WebAssembly can address, however much there is', () => {
    const rows = 40_000;
    const size = { rows, columns: 1, classes: 1, inMemory: true };
    assert.match(whyNotBy('dual', size, { memory: 2 ** 40 })!, /4.0 GiB that WebAssembly can address/);
    assert.equal(whyNotDual(30_000, { memory: 2 ** 40 }), undefined);
    assert.throws(() => checkMemory('dual', size, {}), UsageError);
    assert.throws(() => gramOf({ rows, columns: 1, data: new Float32Array(rows) }), UsageError);
  });
});
