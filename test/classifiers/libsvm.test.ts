import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { UsageError } from '../../src/errors.js';
import { MOST_LIBSVM_ROWS, checkLibsvm } from '../../src/classifiers/libsvm.js';
import { decisionValues } from '../../src/classifiers/model.js';
import { fullSettings } from '../../src/classifiers/problem.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { averagePrecision } from '../../src/evaluation/average-precision.js';
import { clusters, farthest } from './data.js';

describe('libsvm-js', () => {
  const { matrix, classes } = clusters(3, 60, 16);
  const test = clusters(3, 60, 16, 9).matrix;

  for (const C of [1e-3, 0.1, 1, 30, 1e3])
    it(`agrees with our solver on the unregularised bias: C = ${C}`, async () => {
      for (const classWeights of [
        { positive: 1, negative: 1 },
        { positive: 3, negative: 0.5 },
      ]) {
        const options = { bias: 'unregularised', classWeights, tolerance: 1e-8 } as const;
        const own = await trainOneVsRest(matrix, classes, C, options);
        const oracle = await trainOneVsRest(matrix, classes, C, { ...options, solver: 'libsvm' });
        assert.equal(oracle.solver, 'libsvm');
        const [a, b] = [await decisionValues(own, test), await decisionValues(oracle, test)];
        own.certificates.forEach(({ primal }, c) => {
          const other = oracle.certificates[c]!.primal;
          assert.ok(Math.abs(primal - other) <= 1e-4 * other, `${primal} ${other}`);
        });
        // At C = 1e3 libsvm-js stops at an objective 6e-5 above ours; test/interop has a problem on which it does not.
        assert.ok(farthest(a.data, b.data) < (C < 1e3 ? 1e-3 : 5e-3), `${farthest(a.data, b.data)}`);
        classes.forEach(({ labels }, c) => {
          const [p, q] = [a, b].map(({ data }) =>
            averagePrecision(
              Array.from(labels, (_, i) => data[i * 3 + c]!),
              labels,
            ),
          );
          assert.ok(Math.abs(p! - q!) < 1e-4, `${p} ${q}`);
        });
      }
    });

  it('leaves ignored rows out', async () => {
    const ignored = classes.map((c) => ({ ...c, labels: c.labels.map((y, i) => (i % 4 === 0 ? 0 : y)) }));
    const options = { bias: 'unregularised', tolerance: 1e-6 } as const;
    const own = await trainOneVsRest(matrix, ignored, 1, options);
    const oracle = await trainOneVsRest(matrix, ignored, 1, { ...options, solver: 'libsvm' });
    assert.ok(farthest(own.weights.data, oracle.weights.data) < 1e-3);
  });

  it('is refused more rows than its memory holds, before it is called', () => {
    const settings = fullSettings({ solver: 'libsvm' });
    assert.equal(settings.bias, 'unregularised');
    checkLibsvm(MOST_LIBSVM_ROWS, settings);
    assert.throws(() => checkLibsvm(MOST_LIBSVM_ROWS + 1, settings), UsageError);
  });

  it('is silent', () => {
    const script = `import { trainOneVsRest } from ${JSON.stringify(new URL('../../src/classifiers/train.js', import.meta.url).href)};
      await trainOneVsRest({ rows: 2, columns: 1, data: Float32Array.of(0, 1) }, [{ name: 'a', labels: Int8Array.of(1, -1) }], 1, { solver: 'libsvm' });`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  });
});
