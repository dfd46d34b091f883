import assert from 'node:assert/strict';
import { gramOf, workspaceStart } from '../../../src/classifiers/gram.js';
import { fullSettings } from '../../../src/classifiers/problem.js';
import { type Kernels, plainKernels } from '../../../src/classifiers/solver/kernels.js';
import { workspaceOf } from '../../../src/classifiers/solver/thread-memory.js';
import { setLabels, solve } from '../../../src/classifiers/solver/solve.js';
import { clusters } from '../data.js';

/** Passes over all rows that each C of a grid takes, each from the solution of the one before. */
const rounds = (bias: 'augmented' | 'unregularised', grid: readonly number[]): number[] => {
  const { matrix, classes } = clusters(8, 60, 48, 1, 1.5);
  const { data: gram, rows } = gramOf(matrix, { threads: 1, plain: true });
  const { workspace } = workspaceOf({ rows, gram, start: workspaceStart(rows, 0) });
  setLabels(workspace, classes[0]!.labels);
  let scans = 0;
  const counting: Kernels = {
    ...plainKernels,
    scan: (...args) => {
      scans++;
      plainKernels.scan(...args);
    },
  };
  return grid.map((C) => {
    scans = 0;
    assert.ok(solve(workspace, counting, C, fullSettings({ bias, tolerance: 1e-3 })).converged);
    return scans;
  });
};

describe('the dual solver', () => {
  for (const bias of ['augmented', 'unregularised'] as const) {
    it(`goes from one C to the next in at most six passes over all rows, bias ${bias}`, () => {
      const [, ...warm] = rounds(bias, [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]);
      assert.ok(Math.max(...warm) <= 6, warm.join());
    });
  }
});
