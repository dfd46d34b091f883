import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { selectC } from '../../src/classifiers/select.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { withFolder } from '../support.js';
import { accuracy, clusters } from './data.js';

const { matrix, classes } = clusters(4, 20, 8);
const validation = [0, 1, 2, 3, 4, 5, 6, 7];

describe('an interrupted grid', () => {
  it('goes on where it was, to the same curve', () =>
    withFolder(async (checkpoint) => {
      const whole = await selectC(matrix, classes, accuracy, { validation });
      let solved = 0;
      const stop = () => {
        if (++solved === 2) throw new Error('interrupted');
      };
      await assert.rejects(
        selectC(matrix, classes, accuracy, { validation, checkpoint, threads: 1, onProgress: stop }),
        /interrupted/,
      );
      const kept = (await readdir(checkpoint)).sort();
      assert.equal(kept.length, 2);
      const before = await readFile(join(checkpoint, kept[0]!));
      let steps = 0;
      const resumed = await selectC(matrix, classes, accuracy, {
        validation,
        checkpoint,
        threads: 1,
        widen: false,
        onProgress: () => steps++,
      });
      assert.deepEqual(
        resumed.curve,
        whole.curve.filter(({ C }) => resumed.curve.some((p) => p.C === C)),
      );
      assert.equal(steps, 4);
      assert.deepEqual(await readFile(join(checkpoint, kept[0]!)), before); // not solved again
    }));

  it('never takes what was kept for other descriptors, labels or settings', () =>
    withFolder(async (checkpoint) => {
      const first = await trainOneVsRest(matrix, classes, 1, { checkpoint });
      assert.deepEqual(await trainOneVsRest(matrix, classes, 1, { checkpoint }), first);
      const other = { ...matrix, data: matrix.data.slice() };
      other.data[37 * 8] = 0.9;
      const changes = [
        () => trainOneVsRest(other, classes, 1, { checkpoint }),
        () => trainOneVsRest(matrix, classes, 1, { checkpoint, loss: 'squared-hinge' }),
        () => trainOneVsRest(matrix, classes, 2, { checkpoint }),
        () =>
          trainOneVsRest(
            matrix,
            classes.map((c) => ({ ...c, labels: c.labels.map((y, i) => (i === 9 ? 0 : y)) })),
            1,
            { checkpoint },
          ),
      ];
      for (const change of changes) {
        const kept = await change();
        await rm(checkpoint, { recursive: true });
        assert.deepEqual(kept, await change());
        await trainOneVsRest(matrix, classes, 1, { checkpoint });
      }
    }));

  it('refuses a file that was damaged, by name', () =>
    withFolder(async (checkpoint) => {
      await trainOneVsRest(matrix, classes, 1, { checkpoint });
      const path = join(checkpoint, 'fit-00001.safetensors');
      await writeFile(path, (await readFile(path)).subarray(0, 300));
      await assert.rejects(trainOneVsRest(matrix, classes, 1, { checkpoint }), /fit-00001/);
    }));
});

describe('classes shared among threads', () => {
  it('are all solved where no thread can be started', async () => {
    const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: unknown };
    const { Worker } = threads;
    let started = 0;
    threads.Worker = class extends EventEmitter {
      constructor() {
        super();
        started++;
        setImmediate(() => {
          this.emit('error', new Error('ERR_WORKER_INIT_FAILED'));
          this.emit('exit', 1);
        });
      }
      postMessage(): void {
        assert.fail('It never came online.');
      }
      terminate = () => Promise.resolve(1);
    };
    syncBuiltinESMExports();
    try {
      const without = await trainOneVsRest(matrix, classes, 1, { threads: 2 });
      assert.equal(started, 2);
      assert.deepEqual(without, await trainOneVsRest(matrix, classes, 1, { threads: 1 }));
    } finally {
      threads.Worker = Worker;
      syncBuiltinESMExports();
    }
  });
});
