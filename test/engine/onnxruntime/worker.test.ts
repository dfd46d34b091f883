import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { setTimeout as pause } from 'node:timers/promises';
import { ComputeWorker, HEADER, STATE } from '../../../src/engine/onnxruntime/threads/worker.js';
import { FORM } from '../../../src/engine/onnxruntime/loops/batch-norm.js';
import { parallelBatchNorm } from '../../../src/engine/onnxruntime/loops/parallel-batch-norm.js';
import { parallelLoops } from '../../../src/engine/onnxruntime/loops/parallel.js';
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

const loops: Readonly<Record<string, (worker?: ComputeWorker) => unknown>> = {
  poolGradient: (worker?: ComputeWorker) => {
    const dx = new Float32Array(size);
    const sums = parallelLoops.poolGradient(
      worker,
      normals(size, 1),
      normals(size / 4, 2),
      dx,
      windows,
      true,
    );
    return [dx, sums];
  },
  reluGradient: (worker?: ComputeWorker) => {
    const dx = new Float32Array(size);
    return [dx, parallelLoops.reluGradient(worker, normals(size, 3), normals(size, 4), dx, extent)];
  },
  momentum: (worker?: ComputeWorker) => {
    const [w, v, d] = [5, 6, 7].map((seed) => normals(size - 3, seed)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    parallelLoops.momentum(worker, w, v, d, { learningRate: 0.1, momentum: 0.9, decay: 0.01 });
    return [w, v, d];
  },
  batchNormMoments: (worker?: ComputeWorker) =>
    parallelBatchNorm.moments(worker, [normals(size, 8)], normals(16, 9), extent),
  ...Object.fromEntries<(worker?: ComputeWorker) => unknown>(
    Object.entries(FORM).flatMap(([name, form]) => {
      const [of, part] = form === FORM.pooled ? [windows, size / 4] : [extent, size];
      const [x, dy, factors] = [normals(size, 10), normals(part, 11), normals(5 * 16, 12)];
      const { normalise, gradientSums, gradient } = parallelBatchNorm;
      return [
        [
          `batchNorm, ${name}`,
          (worker?: ComputeWorker) => {
            const y = new Float32Array(part);
            normalise(worker, [x, y], factors, of, form);
            return y;
          },
        ],
        [
          `batchNormGradientSums, ${name}`,
          (worker?: ComputeWorker) => gradientSums(worker, [x, dy], factors, of, form),
        ],
        [
          `batchNormGradient, ${name}`,
          (worker?: ComputeWorker) => {
            const dx = new Float32Array(size);
            gradient(worker, [x, dy, dx], factors, of, form);
            return dx;
          },
        ],
      ] as const;
    }),
  ),
};

/** A worker whose thread has started: it takes none of the first tasks. */
const ready = async (): Promise<ComputeWorker> => {
  const worker = new ComputeWorker();
  while (worker.finished === 0) {
    loops['momentum']!(worker);
    await pause(10);
  }
  return worker;
};

describe('backend: the worker thread', function () {
  this.timeout(20_000);

  it('computes halves of large loops, with the numbers that come out without it', async () => {
    const worker = await ready();
    for (const [name, loop] of Object.entries(loops)) {
      const before = worker.finished;
      const found = loop(worker);
      assert.equal(worker.finished, before + 1, name);
      assert.deepEqual(found, loop(), name);
    }
    worker.close();
  });

  it('is taken neither for idle nor for busy because a notification came', async () => {
    const worker = await ready();
    const waker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       parentPort.postMessage('ready');
       for (;;) Atomics.notify(workerData, ${HEADER.state});`,
      { eval: true, workerData: worker.memory!.header },
    );
    await once(waker, 'message');
    try {
      // A learning rate of 0, a momentum of 1 and no decay.
      const arrays = [1, 2, 3].map((seed) => normals(2 ** 20, seed));
      const task = { kind: 'momentum', parameters: [0, 1, 0], arrays, sums: 0 } as const;
      for (let i = 0; i < 100; i++) {
        assert.ok(worker.begin(task), `task ${i}`);
        assert.ok(worker.finish(), `task ${i}`);
        assert.equal(Atomics.load(worker.memory!.header, HEADER.state), STATE.idle);
      }
    } finally {
      await waker.terminate();
      worker.close();
    }
  });

  it('is left out where the tensor is small, one image, or of too many channels', async () => {
    const worker = await ready();
    const before = worker.finished;
    const relu = (images: number, columns: number, channels: number): void => {
      const few = { images, planes: 1, rows: 1, columns, channels };
      const [x, y] = [1, 2].map((seed) => normals(images * columns * channels, seed)) as [
        Float32Array,
        Float32Array,
      ];
      const dx = new Float32Array(x.length);
      const sums = parallelLoops.reluGradient(worker, x, y, dx, few);
      dx.forEach((value, i) => assert.ok(value === (y[i]! > 0 ? x[i]! : 0)));
      assert.equal(sums.length, channels);
    };
    relu(2, 100, 16);
    relu(1, 20_000, 16);
    relu(4, 8, 16_384);
    assert.equal(worker.finished, before);
    worker.close();
  });

  it('leaves no task undone when its thread fails or has not started yet', async () => {
    const worker = await ready();
    const before = worker.finished;
    const small = [8, 8, 8].map((length) => new Float32Array(length)) as unknown as [
      ...[Float32Array, Float32Array, Float32Array],
    ];
    // No such extent fits these arrays: the thread fails.
    assert.ok(
      worker.begin({ kind: 'reluGradient', parameters: Object.values(extent), arrays: small, sums: 16 }),
    );
    assert.equal(worker.finish(), undefined);
    for (const loop of Object.values(loops)) assert.deepEqual(loop(worker), loop());
    assert.equal(worker.finished, before, 'it gets no further task');
    worker.close();
    for (const loop of Object.values(loops)) assert.deepEqual(loop(worker), loop());
    worker.close();
  });

  it('ends its thread when it is closed, and not before', async () => {
    const worker = await ready();
    const { header } = worker.memory!;
    assert.equal(Atomics.load(header, HEADER.state), STATE.idle);
    worker.close();
    for (let i = 0; i < 500 && Atomics.load(header, HEADER.state) !== STATE.failed; i++) await pause(10);
    assert.equal(Atomics.load(header, HEADER.state), STATE.failed, 'its thread is gone');
    worker.close();
  });

  it('does not keep a process or a worker thread from ending', async () => {
    const library = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href);
    const program = `
      import { isMainThread, Worker } from 'node:worker_threads';
      import { fileURLToPath } from 'node:url';
      const { ComputeWorker } = await import(${library('engine/onnxruntime/threads/worker.js')});
      const { parallelLoops } = await import(${library('engine/onnxruntime/loops/parallel.js')});
      const worker = new ComputeWorker();
      const arrays = [1, 2, 3].map(() => new Float32Array(2 ** 18));
      while (worker.finished === 0) {
        parallelLoops.momentum(worker, ...arrays, { learningRate: 1, momentum: 0, decay: 0 });
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
