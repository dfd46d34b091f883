import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gramOf, workspaceStart } from '../../../src/classifiers/gram.js';
import { fullSettings } from '../../../src/classifiers/problem.js';
import type { ThreadMemory } from '../../../src/classifiers/solver/thread-memory.js';
import { runHere, runInThreads } from '../../../src/classifiers/solver/pool.js';
import type { Common, Solution, Task } from '../../../src/classifiers/solver/task.js';
import { VerydeepError } from '../../../src/errors.js';
import { withFolder } from '../../support.js';
import { clusters } from '../data.js';

const WORKER = new URL('../../../src/classifiers/solver/worker.js', import.meta.url).href;

/** A worker that first runs `body` on each task's index. */
const spoiled = async (folder: string, name: string, body: string): Promise<URL> => {
  const script = join(folder, `${name}.mjs`);
  await writeFile(
    script,
    `import { existsSync, writeFileSync } from 'node:fs';
     import { parentPort } from 'node:worker_threads';
     const on = parentPort.on.bind(parentPort);
     parentPort.on = (event, listen) => on(event, (request) => {
       const { index } = request.task;
       ${body};
       listen(request);
     });
     await import(${JSON.stringify(WORKER)});`,
  );
  return pathToFileURL(script);
};

describe('threads of the solver', () => {
  const { matrix, classes } = clusters(6, 20, 8);
  const gram = gramOf(matrix, { threads: 2 });
  const places = [0, 1].map((slot): ThreadMemory => ({
    rows: gram.rows,
    gram: gram.data,
    start: workspaceStart(gram.rows, slot),
    memory: gram.memory!,
  }));
  const common: Common = { settings: fullSettings({}), keep: 'coefficients' };
  const tasks = classes.map(({ labels }, index): Task => ({ index, labels, grid: [0.1, 1, 10] }));
  const solved = async (script?: URL): Promise<Solution[][]> => {
    const all: Solution[][] = [];
    await runInThreads(places, common, tasks, (index, solutions) => void (all[index] = solutions), script);
    return all;
  };

  it('give what one thread gives', async () => {
    const here: Solution[][] = [];
    await runHere(places[0]!, common, tasks, (index, solutions) => void (here[index] = solutions));
    assert.deepEqual(await solved(), here);
  });

  it('are replaced once where one dies, and the task is not lost', () =>
    withFolder(async (folder) => {
      const mark = JSON.stringify(join(folder, 'died'));
      const script = await spoiled(
        folder,
        'once',
        `if (index === 2 && !existsSync(${mark})) { writeFileSync(${mark}, ''); process.exit(7); }`,
      );
      assert.deepEqual(await solved(script), await solved());
    }));

  it('end the run with an error that names the class where one dies twice over it', () =>
    withFolder(async (folder) => {
      for (const [name, body] of [
        ['exits', 'process.exit(7)'],
        ['throws', 'throw new Error("out of luck")'],
      ] as const) {
        const script = await spoiled(folder, name, `if (index === 3) ${body}`);
        await assert.rejects(
          solved(script),
          (error) => error instanceof VerydeepError && /died twice over class 3/.test(error.message),
        );
      }
    }));

  it('are all gone after a failure, those in the middle of a task as well', () =>
    withFolder(async (folder) => {
      const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
      const before = ports();
      const pause = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)';
      const script = await spoiled(
        folder,
        'busy',
        `if (index === 3) process.exit(7); if (index === 4) ${pause}`,
      );
      await assert.rejects(solved(script), /died twice over class 3/);
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.equal(ports(), before);
    }));

  it('end where what takes the results throws', async () => {
    await assert.rejects(
      runInThreads(places, common, tasks, () => {
        throw new Error('disk full');
      }),
      /disk full/,
    );
  });
});
