import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { setTimeout as pause } from 'node:timers/promises';
import { Helper, STATE, WORD } from '../../../src/engine/onnxruntime/threads/worker.js';
import { tensorLoops } from '../../../src/engine/onnxruntime/loops/parallel.js';
import { Random } from '../../../src/random.js';
import { withFolder } from '../../support.js';
import { run } from '../../interop/python.js';

const normals = (length: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.normal());
};

/** Five images of 64 x 64 x 16 numbers, and windows of half as many rows and columns. */
const extent = { images: 5, planes: 2, rows: 64, columns: 64, channels: 8 };
const windows = { ...extent, rows: 32, columns: 32 };
const size = 5 * 64 * 64 * 16;

const loops = {
  poolGradient: (helper?: Helper) => {
    const dx = new Float32Array(size);
    const sums = tensorLoops.poolGradient(helper, normals(size, 1), normals(size / 4, 2), dx, windows, true);
    return [dx, sums];
  },
  reluGradient: (helper?: Helper) => {
    const dx = new Float32Array(size);
    return [dx, tensorLoops.reluGradient(helper, normals(size, 3), normals(size, 4), dx, extent)];
  },
  momentum: (helper?: Helper) => {
    const [w, v, d] = [5, 6, 7].map((seed) => normals(size - 3, seed)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    tensorLoops.momentum(helper, w, v, d, { learningRate: 0.1, momentum: 0.9, decay: 0.01 });
    return [w, v, d];
  },
} as const;

/** A helper whose thread has begun: the first jobs that it is offered come before. */
const ready = async (): Promise<Helper> => {
  const helper = new Helper();
  while (helper.done === 0) {
    loops.momentum(helper);
    await pause(10);
  }
  return helper;
};

describe('backend: the helping thread', function () {
  this.timeout(20_000);

  it('does halves of large loops, with the numbers that come out without it', async () => {
    const helper = await ready();
    for (const [name, loop] of Object.entries(loops)) {
      const before = helper.done;
      const found = loop(helper);
      assert.equal(helper.done, before + 1, name);
      assert.deepEqual(found, loop(), name);
    }
    helper.close();
  });

  it('is not taken to be done, nor to be asked, because somebody was woken', async () => {
    const helper = await ready();
    const waker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       parentPort.postMessage('ready');
       for (;;) Atomics.notify(workerData, ${WORD.state});`,
      { eval: true, workerData: helper.desk!.words },
    );
    await once(waker, 'message');
    try {
      const arrays = [1, 2, 3].map((seed) => normals(2 ** 20, seed)) as unknown as Parameters<
        Helper['begin']
      >[1];
      const step = { learningRate: 0, momentum: 1, decay: 0 };
      for (let i = 0; i < 100; i++) {
        assert.ok(helper.begin({ kind: 'momentum', step }, arrays), `job ${i}`);
        assert.ok(helper.finish(), `job ${i}`);
        assert.equal(Atomics.load(helper.desk!.words, WORD.state), STATE.free);
      }
    } finally {
      await waker.terminate();
      helper.close();
    }
  });

  it('is left out where the tensor is small, one image, or of too many channels', async () => {
    const helper = await ready();
    const before = helper.done;
    const relu = (images: number, columns: number, channels: number): void => {
      const few = { images, planes: 1, rows: 1, columns, channels };
      const [x, y] = [1, 2].map((seed) => normals(images * columns * channels, seed)) as [
        Float32Array,
        Float32Array,
      ];
      const dx = new Float32Array(x.length);
      const sums = tensorLoops.reluGradient(helper, x, y, dx, few);
      dx.forEach((value, i) => assert.ok(value === (y[i]! > 0 ? x[i]! : 0)));
      assert.equal(sums.length, channels);
    };
    relu(2, 100, 16);
    relu(1, 20_000, 16);
    relu(4, 8, 16_384);
    assert.equal(helper.done, before);
    helper.close();
  });

  it('leaves no job undone when its thread fails or is new', async () => {
    const helper = await ready();
    const before = helper.done;
    const small = [8, 8, 8].map((length) => new Float32Array(length)) as unknown as [
      ...[Float32Array, Float32Array, Float32Array],
    ];
    // No such extent fits these arrays: the thread fails.
    assert.ok(helper.begin({ kind: 'reluGradient', extent, positive: false }, small));
    assert.equal(helper.finish(), undefined);
    for (const loop of Object.values(loops)) assert.deepEqual(loop(helper), loop());
    assert.equal(helper.done, before, 'it is not asked again');
    helper.close();
    for (const loop of Object.values(loops)) assert.deepEqual(loop(helper), loop());
    helper.close();
  });

  it('ends by itself when it is left, and not before', async () => {
    const helper = await ready();
    const { words } = helper.desk!;
    assert.equal(Atomics.load(words, WORD.state), STATE.free);
    helper.close();
    for (let i = 0; i < 500 && Atomics.load(words, WORD.state) !== STATE.failed; i++) await pause(10);
    assert.equal(Atomics.load(words, WORD.state), STATE.failed, 'its thread is gone');
    helper.close();
  });

  it('does not keep a process or a worker thread from ending', async () => {
    const library = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href);
    const program = `
      import { isMainThread, Worker } from 'node:worker_threads';
      import { fileURLToPath } from 'node:url';
      const { Helper } = await import(${library('engine/onnxruntime/threads/worker.js')});
      const { tensorLoops } = await import(${library('engine/onnxruntime/loops/parallel.js')});
      const helper = new Helper();
      const arrays = [1, 2, 3].map(() => new Float32Array(2 ** 18));
      while (helper.done === 0) {
        tensorLoops.momentum(helper, ...arrays, { learningRate: 1, momentum: 0, decay: 0 });
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      if (isMainThread) {
        const worker = new Worker(fileURLToPath(import.meta.url));
        worker.on('exit', (code) => console.log('the worker has ended', code));
      }`;
    await withFolder(async (folder) => {
      const script = join(folder, 'main.mjs');
      await writeFile(script, program);
      assert.equal(await run(process.execPath, [script]), 'the worker has ended 0\n');
    });
  });
});
