import assert from 'node:assert/strict';
import { gramOf, workspaceStart } from '../../../src/classifiers/gram.js';
import { fullSettings } from '../../../src/classifiers/problem.js';
import { type Kernels, plainKernels } from '../../../src/classifiers/solver/kernels.js';
import { workspaceOf } from '../../../src/classifiers/solver/thread-memory.js';
import { setCosts, setLabels, solve } from '../../../src/classifiers/solver/solve.js';
import { REPORT, type Workspace } from '../../../src/classifiers/solver/workspace.js';
import { clusters, farthest } from '../data.js';

/** The same problem for both sets of loops. */
const places = (each: number): [Workspace, Kernels][] => {
  const { matrix, classes } = clusters(3, each, 10);
  return [false, true].map((plain) => {
    const { data: gram, memory, rows } = gramOf(matrix, { threads: 1, plain });
    assert.equal(memory === undefined, plain);
    const { workspace, kernels } = workspaceOf({
      rows,
      gram,
      start: workspaceStart(rows, 0),
      ...(memory && { memory }),
    });
    setLabels(workspace, classes[0]!.labels);
    return [workspace, kernels];
  });
};

describe('solver kernels', () => {
  it('do in WebAssembly what they do in TypeScript, step by step', () => {
    const [[a, wasm], [b, plain]] = places(67) as [[Workspace, Kernels], [Workspace, Kernels]];
    assert.equal(plain, plainKernels);
    assert.notEqual(wasm, plainKernels);
    for (const squared of [false, true]) {
      const settings = fullSettings({ loss: squared ? 'squared-hinge' : 'hinge' });
      for (const w of [a, b]) setCosts(w, 3, settings);
      for (let round = 0; round < 4; round++) {
        for (const [w, kernels] of [
          [a, wasm],
          [b, plain],
        ] as const) {
          kernels.scan(w, 0.1, squared);
          kernels.pick(w, 20);
          kernels.gather(w, 1);
        }
        const [reportA, reportB] = [a, b].map(({ report }) => report.slice(0, REPORT.settled));
        assert.ok(farthest(reportA!, reportB!) < 1e-3, `${reportA!.join()} ${reportB!.join()}`);
        assert.ok(farthest(a.violation, b.violation) < 1e-4);
        assert.deepEqual([...a.histogram].length, [...b.histogram].length);
        const size = b.report[REPORT.active]!;
        assert.ok(size > 0 && size <= 20 * (round + 1) * 2);
        assert.deepEqual(a.active.slice(0, size), b.active.slice(0, size));
        for (let i = 0; i <= size; i++) {
          assert.deepEqual(
            a.local.slice(i * a.m, i * a.m + size + 1),
            b.local.slice(i * b.m, i * b.m + size + 1),
          );
        }
        const [middleA, middleB] = [wasm.middle(a), plain.middle(b)];
        assert.ok(Math.abs(middleA - middleB) < 1e-4, `${middleA} ${middleB}`);
        wasm.relax(a, 0.1, 1, 2, 0);
        plain.relax(b, 0.1, 1, 2, 0);
        assert.ok(farthest(a.change.slice(0, size), b.change.slice(0, size)) < 1e-5);
        for (const { report, y, alpha } of [a, b]) {
          const sum = alpha.reduce((total, value, i) => total + y[i]! * value, 0);
          assert.ok(Math.abs(report[REPORT.balance]! - sum) < 1e-12, 'the balance follows');
        }
        wasm.update(a);
        plain.update(b);
        assert.ok(farthest(a.f, b.f) < 1e-5);
        assert.ok(farthest(a.alpha, b.alpha) < 1e-5);
      }
      a.list.set([0, 2, 3, 7]);
      b.list.set([0, 2, 3, 7]);
      wasm.keep(a, 4);
      plain.keep(b, 4);
      assert.deepEqual(a.active.slice(0, 4), b.active.slice(0, 4));
      assert.deepEqual(a.member, b.member);
      assert.equal(a.local[a.m * 3 + 1], b.gram[b.active[3]! * b.n + b.active[1]!]);
      assert.equal(b.local[b.m * 3 + 1], a.local[a.m * 3 + 1]);
    }
  });

  for (const biasSquared of [1, 0]) {
    it(`take Newton's step for the free coefficients, as far as the first bound, bias ${biasSquared}`, () => {
      const [a, b] = places(67).map(([w, kernels]) => {
        setCosts(w, 3, fullSettings({ loss: 'squared-hinge' }));
        kernels.scan(w, 0, true);
        kernels.pick(w, 9);
        kernels.gather(w, biasSquared);
        kernels.relax(w, 0, biasSquared, 40, 0);
        kernels.update(w);
        const before = w.alpha.slice();
        const bias = biasSquared * w.report[REPORT.balance]!;
        kernels.newton(w, bias, biasSquared);
        kernels.update(w);
        // At the whole step's end, errors y - f - b of the free rows, with the loss's term, are all the same: zero with the bias.
        const after = biasSquared * w.report[REPORT.balance]!;
        const free = [...w.alpha.keys()].filter((row) => before[row]! > 0);
        assert.ok(free.length > 4, `${free.length} free`);
        const errors = free.map(
          (row) => w.y[row]! * (1 - w.diagonal[row]! * w.alpha[row]!) - w.f[row]! - after,
        );
        const isWhole = free.every((row) => w.alpha[row]! > 0);
        if (isWhole) assert.ok(Math.max(...errors) - Math.min(...errors) < 1e-4, errors.join());
        if (isWhole && biasSquared > 0) assert.ok(Math.max(...errors.map(Math.abs)) < 1e-4, errors.join());
        assert.ok(w.alpha.every((value) => value >= 0));
        const sum = w.alpha.reduce((total, value, i) => total + w.y[i]! * value, 0);
        assert.ok(Math.abs(w.report[REPORT.balance]! - sum) < 1e-12);
        if (biasSquared === 0) assert.ok(Math.abs(sum) < 1e-5, 'the sum of y alpha stays');
        return { alpha: w.alpha.slice(), isWhole };
      });
      assert.ok(a!.isWhole);
      assert.ok(farthest(a!.alpha, b!.alpha) < 1e-4);
    });
  }

  it('lead to the same solution', () => {
    for (const loss of ['hinge', 'squared-hinge'] as const)
      for (const bias of ['augmented', 'unregularised'] as const) {
        const settings = fullSettings({ loss, bias, tolerance: 1e-6 });
        const [a, b] = places(40).map(([w, kernels]) => {
          const { converged, bias: offset, primal } = solve(w, kernels, 2, settings);
          assert.ok(converged);
          return { values: w.f.map((f) => f + offset), primal };
        });
        assert.ok(farthest(a!.values, b!.values) < 1e-3, `${loss} ${bias}`);
        assert.ok(Math.abs(a!.primal - b!.primal) < 2e-6 * a!.primal);
      }
  });

  it('lets rows go where more are active than there is room for', () => {
    const [[w, kernels]] = places(40) as [[Workspace, Kernels]];
    const tight = { ...w, m: 32 }; // 31 rows and the bias, where the solution has more support vectors than that
    const { converged, supportVectors } = solve(tight, kernels, 2, fullSettings({ tolerance: 1e-4 }));
    assert.ok(converged);
    assert.ok(supportVectors > 31, `${supportVectors}`);
  });
});
