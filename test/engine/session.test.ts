import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { GraphBuilder } from '../../src/engine/onnx.js';
import { Session } from '../../src/engine/session.js';
import { prepareSharing } from '../../src/engine/shared-slots.js';
import type { Tensor } from '../../src/engine/tensor.js';
import { UsageError, VerydeepError } from '../../src/errors.js';
import { withFolder } from '../support.js';

const f32 = (dims: number[], ...data: number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
});

const reluModel = (): Uint8Array => {
  const g = new GraphBuilder();
  const x = g.input('x', 'float32', ['n', 2]);
  g.output(g.node('Relu', [x], {}, { name: 'y' }), 'float32', ['n', 2]);
  return g.model();
};

describe('session', () => {
  it('runs a graph of constants, attributes and several outputs', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', [2, 'n']);
    const [first] = [g.node('Split', [x, g.ints(1, 1)], { axis: 0 }, { outputs: 2, name: 'part' })];
    g.output(g.node('Add', [first, g.scalar(0.5)], {}, { name: 'sum' }), 'float32', [1, 'n']);
    g.output(g.node('LeakyRelu', [`${first}.1`], { alpha: 0.25 }, { name: 'leaky' }), 'float32', [1, 'n']);
    const session = Session.create(g.model(), { threads: 1 });
    try {
      assert.deepEqual(session.inputs, [{ name: 'x', type: 'float32', dims: [2, 'n'] }]);
      const { sum, leaky } = session.run({ x: f32([2, 3], 1, 2, 3, -4, 5, -6) });
      assert.deepEqual(sum, { type: 'float32', dims: [1, 3], data: Float32Array.of(1.5, 2.5, 3.5) });
      assert.deepEqual(leaky, { type: 'float32', dims: [1, 3], data: Float32Array.of(-1, 5, -1.5) });
    } finally {
      session.close();
    }
  });

  it('reads constants from a file by offset and length', () =>
    withFolder(async (folder) => {
      const values = Float32Array.of(9, 9, 1, 2, 3, 9);
      await writeFile(join(folder, 'weights.bin'), new Uint8Array(values.buffer));
      const g = new GraphBuilder();
      const x = g.input('x', 'float32', [3]);
      const w = g.constant('w', {
        type: 'float32',
        dims: [3],
        location: 'weights.bin',
        offset: 8,
        length: 12,
      });
      g.output(g.node('Mul', [x, w]), 'float32', [3]);
      const session = Session.create(g.model(), { externalDataFolder: folder });
      const [result] = Object.values(session.run({ x: f32([3], 10, 20, 30) }));
      session.close();
      assert.deepEqual([...(result?.data ?? [])], [10, 40, 90]);
    }));

  it('takes every element type', () => {
    const tensors: Tensor[] = [
      { type: 'uint8', dims: [2], data: Uint8Array.of(1, 255) },
      { type: 'int8', dims: [2], data: Int8Array.of(-128, 127) },
      { type: 'int32', dims: [2], data: Int32Array.of(-1, 2 ** 31 - 1) },
      { type: 'int64', dims: [2], data: BigInt64Array.of(-1n, 2n ** 40n) },
      { type: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) },
      { type: 'float32', dims: [0], data: new Float32Array(0) },
    ];
    for (const x of tensors) {
      const g = new GraphBuilder();
      g.output(g.node('Identity', [g.input('x', x.type, ['n'])], {}, { name: 'y' }), x.type, ['n']);
      const session = Session.create(g.model());
      assert.deepEqual(session.run({ x }).y, x);
      session.close();
    }
  });

  it('refuses inputs that do not fit before native code is entered', () => {
    const session = Session.create(reluModel());
    const wrong: [Record<string, Tensor>, RegExp][] = [
      [{}, /Expected a tensor named x/],
      [{ x: f32([1, 2], 1, 2), z: f32([1], 1) }, /name of an input but received "z"/],
      [{ x: { type: 'int32', dims: [1, 2], data: Int32Array.of(1, 2) } }, /Expected float32 for the input x/],
      [{ x: f32([1, 3], 1, 2, 3) }, /Expected shape \[n, 2\] for the input x but received \[1, 3\]/],
      [{ x: f32([2], 1, 2) }, /Expected shape/],
      [{ x: f32([2, 2], 1, 2) }, /shape is \[2, 2\]/],
    ];
    for (const [inputs, message] of wrong)
      assert.throws(
        () => session.run(inputs),
        (e) => e instanceof UsageError && message.test(e.message),
      );
    session.close();
    session.close();
    assert.throws(() => session.run({ x: f32([1, 2], 1, 2) }), /after it was closed/);
    assert.throws(() => Session.create(reluModel(), { threads: 0 }), /Expected a whole number/);
  });

  it("reports ONNX Runtime's reason for a model it refuses", () => {
    assert.throws(
      () => Session.create(Uint8Array.of(1, 2, 3)),
      (e) => e instanceof VerydeepError && e.message.startsWith('ONNX Runtime: '),
    );
    const g = new GraphBuilder();
    g.output(g.node('NoSuchOperator', [g.input('x', 'float32', [1])]), 'float32', [1]);
    assert.throws(() => Session.create(g.model()), /NoSuchOperator/);
  });

  it('refuses a graph with an unknown value, a doubled name or a fraction for an integer', () => {
    const g = new GraphBuilder();
    g.input('x', 'float32', [1]);
    assert.throws(() => g.node('Relu', ['nothing']), /name of a value of the graph/);
    assert.throws(() => g.input('x', 'float32', [1]), /not in use yet/);
    assert.throws(() => g.node('Softmax', ['x'], { axis: 0.5 }), /whole number for Softmax's attribute axis/);
    assert.throws(
      () => g.constant('c', { type: 'float32', dims: [3], data: Float32Array.of(1) }),
      /Expected 1 elements for the shape of c/,
    );
  });

  it('runs in several workers at once, and every worker ends by itself', async () => {
    const source = `
      import { workerData, parentPort } from 'node:worker_threads';
      const { Session } = await import(workerData.session);
      const session = Session.create(workerData.model, { threads: workerData.threads });
      const data = new Float32Array(20000).map((_, i) => i % 7 - 3);
      let sum = 0;
      for (let i = 0; i < 50; i++) sum = session.run({ x: { type: 'float32', dims: [10000, 2], data } }).y.data.reduce((a, b) => a + b);
      parentPort.postMessage(sum);
      globalThis.gc?.(); // The session is left open and the library to the end of the thread.
    `;
    const start = (threads: number) =>
      new Promise<number[]>((resolve, reject) => {
        const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
          workerData: {
            session: new URL('../../src/engine/session.js', import.meta.url).href,
            model: reluModel(),
            threads,
          },
        });
        let sum = NaN;
        worker.on('message', (value: number) => (sum = value));
        worker.on('error', reject).on('exit', (code) => resolve([code, sum]));
      });
    const expectedSum = new Float32Array(20000)
      .map((_, i) => Math.max(0, (i % 7) - 3))
      .reduce((a, b) => a + b);
    assert.deepEqual(
      await Promise.all([1, 2, 3].map(start)),
      [1, 2, 3].map(() => [0, expectedSum]),
    );
  });

  it('is shared: threads run it at once, each its own input, and it lives until the last of them closes it', async () => {
    prepareSharing();
    const session = Session.create(reluModel(), { threads: 1 });
    const shared = session.share();
    const source = `
      import { workerData, parentPort } from 'node:worker_threads';
      const { Session } = await import(workerData.session);
      const session = Session.attach(workerData.shared);
      parentPort.postMessage('attached');
      await new Promise((resolve) => parentPort.once('message', resolve)); // until the first thread has closed it
      const data = new Float32Array(20000).map((_, i) => (i % 7 - 3) * workerData.factor);
      let sum = 0;
      for (let i = 0; i < 50; i++) sum = session.run({ x: { type: 'float32', dims: [10000, 2], data } }).y.data.reduce((a, b) => a + b);
      session.close();
      parentPort.postMessage(sum);
    `;
    const factors = [1, -1, 2];
    const workers = factors.map(
      (factor) =>
        new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
          workerData: {
            session: new URL('../../src/engine/session.js', import.meta.url).href,
            shared,
            factor,
          },
        }),
    );
    const next = (worker: Worker) =>
      new Promise<unknown>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.deepEqual(
      await Promise.all(workers.map(next)),
      factors.map(() => 'attached'),
    );
    session.close();
    assert.throws(() => session.run({ x: f32([1, 2], 1, 2) }), VerydeepError);
    const sums = workers.map(next);
    for (const worker of workers) worker.postMessage('go');
    const sumOf = (factor: number): number =>
      new Float32Array(20000).map((_, i) => Math.max(0, ((i % 7) - 3) * factor)).reduce((a, b) => a + b);
    assert.deepEqual(await Promise.all(sums), factors.map(sumOf));
    assert.throws(() => Session.attach(shared), /after it was closed/);
  });
});
