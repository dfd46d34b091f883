import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError, VerydeepError } from '../../src/errors.js';
import { libsvmThread } from '../../src/classifiers/libsvm-thread.js';
import { MOST_LIBSVM_ROWS, checkLibsvm, fitLibsvm } from '../../src/classifiers/libsvm.js';
import { decisionValues } from '../../src/classifiers/model.js';
import { fullSettings } from '../../src/classifiers/problem.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { averagePrecision } from '../../src/evaluation/average-precision.js';
import type { Matrix } from '../../src/matrix.js';
import { withFolder } from '../support.js';
import { clusters, farthest } from './data.js';

describe('libsvm-js', () => {
  // libsvm-js keeps its kernel in float32, which would be felt at C = 1e3: whole multiples of 1/256 have inner products
  // that float32 holds exactly.
  const exactly = ({ data, ...shape }: Matrix): Matrix => ({
    ...shape,
    data: data.map((x) => Math.round(256 * x) / 256),
  });
  const { classes, ...made } = clusters(3, 60, 16);
  const matrix = exactly(made.matrix);
  const test = exactly(clusters(3, 60, 16, 9).matrix);

  for (const C of [1e-3, 1, 1e3])
    it(`agrees with our solver on the unregularised bias: C = ${C}`, async () => {
      for (const classWeights of [
        { positive: 1, negative: 1 },
        { positive: 3, negative: 0.5 },
      ]) {
        const options = { bias: 'unregularised', classWeight: classWeights, tolerance: 1e-8 } as const;
        const own = await trainOneVsRest(matrix, classes, C, options);
        const oracle = await trainOneVsRest(matrix, classes, C, { ...options, solver: 'libsvm' });
        assert.equal(oracle.solver, 'libsvm');
        const [a, b] = [decisionValues(own, test), decisionValues(oracle, test)];
        own.certificates.forEach(({ primal }, c) => {
          const other = oracle.certificates[c]!.primal;
          assert.ok(Math.abs(primal - other) <= 1e-7 * other, `${primal} ${other}`);
        });
        assert.ok(farthest(a.data, b.data) < 1e-4, `${farthest(a.data, b.data)}`);
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
    assert.equal(settings.bias, 'unregularised');
    checkLibsvm(MOST_LIBSVM_ROWS, settings);
    assert.throws(() => checkLibsvm(MOST_LIBSVM_ROWS + 1, settings), UsageError);
  });

  /** A thread that first runs `body`; `mark` is a file that it may leave. */
  const spoiled = async (folder: string, body: string): Promise<URL> => {
    const script = join(folder, 'worker.mjs');
    const mark = JSON.stringify(join(folder, 'mark'));
    await writeFile(
      script,
      `import { existsSync, writeFileSync } from 'node:fs';
       import { parentPort } from 'node:worker_threads';
       const mark = ${mark};
       const on = parentPort.on.bind(parentPort);
       parentPort.on = (event, listen) => on(event, (task) => { ${body}; listen(task); });
       await import(${JSON.stringify(new URL('../../src/classifiers/solver/libsvm-worker.js', import.meta.url).href)});`,
    );
    return pathToFileURL(script);
  };
  const settings = fullSettings({ solver: 'libsvm' });
  const fitWith = (script?: URL, checkpoint?: string) =>
    fitLibsvm(matrix, classes, [1, 1, 1], settings, {
      ...(script ? { script } : {}),
      ...(checkpoint ? { checkpoint } : {}),
    });

  it('does not hang the run where its thread dies, but names the class', () =>
    withFolder(async (folder) => {
      for (const body of [
        'process.exit(7)',
        'throw new Error("out of luck")',
        'void Promise.reject(new Error("out of luck"))',
      ]) {
        const script = join(folder, 'dies.mjs');
        const head = `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {`;
        await writeFile(script, `${head} ${body}; });`);
        await assert.rejects(fitWith(pathToFileURL(script)), (error) => {
          assert.ok(error instanceof VerydeepError);
          assert.match(error.message, /libsvm-js died twice over class class 0: .*solver dual/);
          return true;
        });
      }
    }));

  it('goes on in a new thread where its thread dies once, in a class or between two', () =>
    withFolder(async (folder) => {
      const whole = await fitWith();
      const once = await spoiled(
        folder,
        `if (!existsSync(mark)) { writeFileSync(mark, ''); process.exit(7); }`,
      );
      assert.deepEqual(await fitWith(once), whole);
      const between = await spoiled(
        folder,
        `const post = parentPort.postMessage.bind(parentPort);
         parentPort.postMessage = (answer) => { post(answer); setTimeout(() => process.exit(7), 20); }`,
      );
      const thread = libsvmThread(between);
      try {
        const task = () => ({
          kernel: Float32Array.of(1, 0, 0, 1),
          labels: Int8Array.of(1, -1),
          ...{ C: 1, positive: 1, negative: 1, tolerance: 1e-6 },
        });
        const first = await thread.solve('a', task);
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.deepEqual(await thread.solve('b', task), first);
      } finally {
        await thread.close();
      }
    }));

  it('keeps solved classes in the checkpoint folder: an interrupted run goes on to the same result', () =>
    withFolder(async (folder) => {
      const checkpoint = join(folder, 'svm');
      const dies = await spoiled(
        folder,
        'if (existsSync(mark)) process.exit(7); setTimeout(() => writeFileSync(mark, ""), 0)',
      );
      await assert.rejects(fitWith(dies, checkpoint), /over class class 1/);
      assert.deepEqual(await readdir(checkpoint), ['libsvm-fit-00000.safetensors']);
      const before = await stat(join(checkpoint, 'libsvm-fit-00000.safetensors'));
      assert.deepEqual(await fitWith(undefined, checkpoint), await fitWith());
      assert.equal((await stat(join(checkpoint, 'libsvm-fit-00000.safetensors'))).mtimeMs, before.mtimeMs);
      const never = await spoiled(folder, 'process.exit(7)');
      assert.deepEqual(await fitWith(never, checkpoint), await fitWith()); // Nothing is left to solve.
    }));

  it('is silent', () => {
    const script = `import { trainOneVsRest } from ${JSON.stringify(new URL('../../src/classifiers/train.js', import.meta.url).href)};
      await trainOneVsRest({ rows: 2, columns: 1, data: Float32Array.of(0, 1) }, [{ name: 'a', labels: Int8Array.of(1, -1) }], 1, { solver: 'libsvm' });`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  });
});
