import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OnnxRuntimeBackend } from '../../../src/engine/onnxruntime/backend.js';
import type { ConvolutionShape } from '../../../src/engine/onnxruntime/convolution/geometry.js';
import { least, planFor } from '../../../src/engine/onnxruntime/winograd/plan.js';
import type { ComputeWorker } from '../../../src/engine/onnxruntime/threads/worker.js';
import { arrays, loops } from '../../../src/engine/onnxruntime/loops/module.js';
import { parallelWinograd } from '../../../src/engine/onnxruntime/winograd/parallel.js';
import { trimValues, valueIn } from '../../../src/engine/onnxruntime/winograd/products.js';
import { countUnits, unitAt } from '../../../src/engine/onnxruntime/winograd/units.js';
import { registerOnnxRuntimeBackend } from '../../../src/engine/onnxruntime/register.js';
import { momentumUpdate } from '../../../src/engine/momentum.js';
import { Value } from '../../../src/engine/ort.js';
import { Random } from '../../../src/random.js';
import { agree, difference, normal, on, tf } from './support.js';

type Image = tf.Tensor4D;
type Pad = 'same' | 'valid' | number;

const backend = (): OnnxRuntimeBackend => tf.backend() as OnnxRuntimeBackend;

/** y, with bias and ReLU, and the gradients of all that it comes from. */
const layer = (xShape: number[], outputs: number, pad: Pad): tf.Tensor[] => {
  const filterShape = [3, 3, xShape[3]!, outputs];
  const [x, filter] = [normal(xShape, 1) as Image, normal(filterShape, 2) as Image];
  const bias = normal([outputs], 3);
  const convolve = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor): tf.Tensor =>
    tf.relu(tf.fused.conv2d({ x: a as Image, filter: b as Image, bias: c, strides: 1, pad }));
  const y = convolve(x, filter, bias);
  return [y, ...tf.grads(convolve)([x, filter, bias], normal(y.shape, 4))];
};

/** How often convolutions and filters' gradients are computed by Winograd's algorithm during `use`. */
const countingWinograd = async (
  use: () => Promise<void>,
): Promise<{ convolutions: number; gradients: number }> => {
  const { convolution, filterGradient } = parallelWinograd;
  const counts = { convolutions: 0, gradients: 0 };
  parallelWinograd.convolution = (...args) => {
    counts.convolutions++;
    convolution(...args);
  };
  parallelWinograd.filterGradient = (...args) => {
    counts.gradients++;
    filterGradient(...args);
  };
  try {
    await use();
  } finally {
    Object.assign(parallelWinograd, { convolution, filterGradient });
  }
  return counts;
};

const plain: ConvolutionShape = {
  kernel: [3, 3],
  inChannels: 64,
  outChannels: 128,
  strides: [1, 1],
  dilations: [1, 1],
  pads: [1, 1, 1, 1],
};

const hasBlocks = async (): Promise<boolean> => {
  await tf.setBackend('onnxruntime');
  return backend().nchwcBlock > 0 && loops() !== undefined;
};

describe("backend: Winograd's F(2x2, 3x3)", function () {
  this.timeout(60_000);
  before(async function () {
    if (!(await hasBlocks())) this.skip();
  });
  // What the memory of the loops holds from before must not matter.
  beforeEach(() => {
    const { buffer } = loops()!.memory;
    new Float32Array(buffer, 4096, buffer.byteLength / 4 - 1024).fill(NaN);
  });

  describe('on small tensors', () => {
    const usual = { ...least, channels: { ...least.channels } };
    before(() => {
      least.tiles = 4;
      least.channels.convolution = least.channels.filterGradient = [16, 32];
    });
    after(() => {
      least.tiles = usual.tiles;
      Object.assign(least.channels, usual.channels);
    });

    const cases: [string, number[], number, Pad][] = [
      ['whole tiles', [2, 8, 8, 16], 32, 'same'],
      ['odd maps', [3, 7, 9, 32], 16, 'same'],
      ['no padding', [3, 7, 8, 32], 16, 'valid'],
      ['wide padding', [3, 6, 5, 16], 32, 2],
      ['many small images', [30, 2, 3, 16], 16, 'same'],
      ['maps of one row', [5, 1, 17, 16], 32, 'same'],
      ['maps of one column', [5, 17, 1, 16], 32, 'same'],
      ['one output of an image', [9, 3, 3, 16], 16, 'valid'],
      ['many rows of tiles', [1, 50, 7, 16], 16, 'same'],
      ['several units of a part', [12, 14, 14, 16], 16, 'same'],
      ['rows of many tiles', [1, 3, 500, 16], 16, 'same'],
    ];
    for (const [name, xShape, outputs, pad] of cases)
      it(`${name}: y and gradients equal tfjs-cpu's`, async () => {
        const counts = await countingWinograd(() => agree(() => layer(xShape, outputs, pad)));
        assert.deepEqual(counts, { convolutions: 3, gradients: 1 }); // y twice, and dx.
      });

    it('any shape (property)', async () => {
      const shape = fc.record({
        images: fc.integer({ min: 1, max: 9 }),
        height: fc.integer({ min: 3, max: 14 }),
        width: fc.integer({ min: 3, max: 14 }),
        inputs: fc.constantFrom(16, 32, 48),
        outputs: fc.constantFrom(16, 32, 48),
        pad: fc.constantFrom<Pad>('same', 'valid', 0, 1, 2),
      });
      let count = 0;
      await fc.assert(
        fc.asyncProperty(shape, async ({ images, height, width, inputs, outputs, pad }) => {
          fc.pre(images * height * width < 300);
          const { gradients } = await countingWinograd(() =>
            agree(() => layer([images, height, width, inputs], outputs, pad)),
          );
          count += gradients;
        }),
        { numRuns: 12, seed: 3 },
      );
      assert.ok(count > 8, `by Winograd's algorithm: ${count}`);
    });
  });

  it('is left out where tiles or channels are few, with strides, dilations, other filters and activations', async () => {
    await tf.setBackend('onnxruntime');
    const plan = (shape: object, side = 28) =>
      planFor(backend(), 'convolution', { ...plain, ...shape }, [2, side, side, 64], [2, side, side, 128]);
    assert.ok(plan({}));
    assert.equal(plan({}, 8), undefined);
    for (const shape of [
      { inChannels: 32 },
      { inChannels: 68 }, // No whole number of blocks, of 8 or of 16.
      { outChannels: 64 },
      { kernel: [3, 5] },
      { strides: [2, 1] },
      { dilations: [1, 2] },
      { pads: [3, 1, 1, 1] },
      { pads: [-1, 1, 1, 1] },
    ])
      assert.equal(plan(shape), undefined, JSON.stringify(shape));
    const large = { ...plain, inChannels: 4096, outChannels: 4096 };
    const side = [2, 28, 28, 4096];
    assert.ok(planFor(backend(), 'convolution', large, side, side));
    assert.equal(planFor(backend(), 'filterGradient', large, side, side), undefined, 'its sums are large');
    const wide = [1, 4, 2 ** 17, 64];
    assert.equal(planFor(backend(), 'convolution', plain, wide, wide), undefined, 'a row of tiles is large');
    const counts = await countingWinograd(() =>
      agree(() => {
        const [x, filter] = [normal([1, 20, 20, 64], 1) as Image, normal([3, 3, 64, 128], 2) as Image];
        return tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', activation: 'sigmoid' });
      }),
    );
    assert.equal(counts.convolutions, 0);
  });

  it('reads views of a tensor in their own shapes, one after the other', () =>
    agree(() => {
      const x = tf.relu(normal([2, 12, 20, 64], 1)) as Image;
      const view = tf.reshape<tf.Rank.R4>(x, [4, 6, 20, 64]);
      const filter = normal([3, 3, 64, 128], 2) as Image;
      const convolve = (a: Image): tf.Tensor => tf.relu(tf.conv2d(a, filter, 1, 'same'));
      return [convolve(x), convolve(view), convolve(x), tf.add(view, 0), convolve(view)];
    }));

  it("keeps a filter's transform from the second pass on, until it is overwritten", async () => {
    const passes = (): tf.Tensor[] => {
      const x = normal([2, 14, 14, 64], 1) as Image;
      const filter = (): Image => normal([3, 3, 64, 128], 2) as Image;
      let [weight, velocity] = [tf.add<Image>(filter(), 0), tf.zerosLike(filter())];
      return [1, 2].flatMap(() => {
        // What is put off would hold the filter, which is then not overwritten.
        const outputs = [1, 2, 3].map(() => tf.tidy(() => tf.relu(tf.conv2d(x, weight, 1, 'same'))));
        const step = { learningRate: 0.1, momentum: 0, decay: 0 };
        ({ weight, velocity } = momentumUpdate(weight, velocity, filter(), step));
        return outputs;
      });
    };
    const expected = await on('cpu', passes);
    const runs: string[] = [];
    const prototype = OnnxRuntimeBackend.prototype as { run: OnnxRuntimeBackend['run'] };
    const { run } = prototype;
    prototype.run = function (this: OnnxRuntimeBackend, key, ...rest) {
      runs.push(key);
      run.call(this, key, ...rest);
    };
    let found;
    try {
      found = await on('onnxruntime', passes);
    } finally {
      prototype.run = run;
    }
    found.forEach((result, i) => assert.ok(difference(result, expected[i]!) < 1e-5, `pass ${i}`));
    const transforms = runs.filter((key) => key.startsWith('Winograd:filter')).length;
    assert.equal(transforms, 4, 'once for the first pass and once for all that follow, twice over');
  });

  it('computes the same numbers on one thread as on two, and on three but for the order of sums', async () => {
    const results = [];
    try {
      for (const threads of [1, 2, 3]) {
        registerOnnxRuntimeBackend(threads);
        // The workers start with the first task, and take units once they run.
        for (let i = 0; i < 5; i++) {
          await on('onnxruntime', () => layer([6, 14, 14, 64], 128, 'same'));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        const found = await on('onnxruntime', () => layer([6, 14, 14, 64], 128, 'same'));
        const { workers } = backend().team;
        assert.equal(workers.length, threads - 1);
        for (const { finished } of workers) assert.ok(finished >= 3, `tasks of a worker: ${finished}`);
        results.push(found);
      }
    } finally {
      registerOnnxRuntimeBackend(2);
    }
    const [one, two, three] = results as [(typeof results)[0], (typeof results)[0], (typeof results)[0]];
    one.forEach((result, i) => {
      assert.deepEqual(two[i]!.data, result.data);
      assert.ok(difference(three[i]!, result) < 1e-6);
    });
  });

  it('computes all units again when a worker fails, whatever it took', async () => {
    const expected = await on('onnxruntime', () => layer([6, 14, 14, 64], 128, 'same'));
    const { team } = backend();
    const { workers } = team;
    let asked = 0;
    const failing = {
      begin: () => {
        asked++;
        Atomics.add(team.nextUnit, 0, 1); // Takes the first unit, and fails in it.
        return true;
      },
      finish: () => undefined,
    } as unknown as ComputeWorker;
    Object.assign(team, { workers: [failing] });
    let found;
    try {
      found = await on('onnxruntime', () => layer([6, 14, 14, 64], 128, 'same'));
    } finally {
      Object.assign(team, { workers });
    }
    assert.ok(asked >= 3);
    found.forEach((result, i) => assert.deepEqual(result.data, expected[i]!.data));
  });
});

describe('backend: units of a convolution', () => {
  it('cover all tiles of all images once (property)', () => {
    const settings = fc.record({
      images: fc.integer({ min: 1, max: 12 }),
      outRows: fc.integer({ min: 1, max: 40 }),
      outColumns: fc.integer({ min: 1, max: 40 }),
      threads: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(settings, ({ images, outRows, outColumns, threads }) => {
        const machine = { nchwcBlock: 16, threads } as unknown as OnnxRuntimeBackend;
        const [inShape, outShape] = [64, 128].map((channels) => [images, outRows, outColumns, channels]);
        for (const operation of ['convolution', 'filterGradient'] as const) {
          const plan = planFor(machine, operation, plain, inShape!, outShape!);
          if (!plan) continue;
          const seen = new Set<string>();
          let rows = 0;
          for (let number = 0; number < countUnits(plan); number++) {
            const unit = unitAt(plan, number);
            assert.ok(unit.tileRows > 0 && unit.images.length > 0);
            assert.equal(unit.outEnd - unit.outStart, Math.min(2 * unit.tileRows, outRows - unit.outStart));
            for (const image of unit.images)
              for (let row = unit.outStart; row < unit.outEnd; row++, rows++) seen.add(`${image}:${row}`);
          }
          assert.equal(rows, images * outRows);
          assert.equal(seen.size, rows);
          assert.ok(plan.partialSums >= 1 && plan.partialSums <= countUnits(plan));
        }
      }),
      { numRuns: 200, seed: 4 },
    );
  });
});

describe("Winograd's transforms", () => {
  it('keep the native values of a unit while others are made', function () {
    if (!loops()) this.skip();
    const [v, m] = arrays([1000, 1000]) as [Float32Array, Float32Array];
    valueIn(v, [1000]);
    for (let i = 1; i < 300; i++) {
      const [input, output] = [valueIn(v, [i]), valueIn(m, [i])];
      assert.ok(Value.handleOf(input) && Value.handleOf(output));
    }
    trimValues();
    assert.ok(Value.handleOf(valueIn(v, [1000])));
  });

  const random = new Random(9);
  const numbers = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());

  it('use the matrices B and A of the paper, in NCHWc blocks of eight channels', function () {
    const module = loops();
    if (!module) this.skip();
    const { exports, memory } = module;
    const [rows, columns, block, top, left] = [5, 7, 8, 1, 1];
    const [tileRows, tileColumns] = [3, 4];
    const tiles = tileRows * tileColumns;
    // d at (i, j) of a plane, zero outside.
    const x = numbers(rows * columns * block);
    const at = (i: number, j: number, c: number): number =>
      i < 0 || j < 0 || i >= rows || j >= columns ? 0 : x[(i * columns + j) * block + c]!;
    const B = [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ];
    const A = [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ];
    const [px, ps, pv] = [8192, 16_384, 65_536];
    new Float32Array(memory.buffer, px, x.length).set(x);
    const pitch = 4 * tiles * block;
    exports.winogradInput(px, rows, columns, block, top, left, tileRows, tileColumns, ps, pv, pitch);
    const v = new Float32Array(memory.buffer, pv, 16 * tiles * block).slice();
    for (let t = 0; t < tiles; t++)
      for (let c = 0; c < block; c++)
        for (let i = 0; i < 4; i++)
          for (let j = 0; j < 4; j++) {
            let sum = 0;
            for (let k = 0; k < 4; k++)
              for (let l = 0; l < 4; l++)
                sum +=
                  B[i]![k]! *
                  B[j]![l]! *
                  at(2 * Math.floor(t / tileColumns) + k - top, 2 * (t % tileColumns) + l - left, c);
            assert.ok(Math.abs(v[((4 * i + j) * tiles + t) * block + c]! - sum) < 1e-5);
          }

    const bias = numbers(block);
    const pb = 4096;
    for (const relu of [0, 1]) {
      new Float32Array(memory.buffer, pb, block).set(bias);
      new Float32Array(memory.buffer, pv, v.length).set(v);
      exports.winogradOutput(pv, pitch, tileRows, tileColumns, block, pb, relu, ps, px, rows, columns);
      const y = new Float32Array(memory.buffer, px, rows * columns * block).slice();
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++)
          for (let c = 0; c < block; c++) {
            const t = Math.floor(i / 2) * tileColumns + Math.floor(j / 2);
            let sum = bias[c]!;
            for (let k = 0; k < 4; k++)
              for (let l = 0; l < 4; l++)
                sum += A[i % 2]![k]! * A[j % 2]![l]! * v[((4 * k + l) * tiles + t) * block + c]!;
            const expected = relu ? Math.max(0, sum) : sum;
            assert.ok(Math.abs(y[(i * columns + j) * block + c]! - expected) < 1e-4);
          }
    }

    // The transform of outputs' gradients, with tiles innermost and the last block filled up.
    const count = 16;
    const collected = new Float32Array(4 * count * block);
    new Float32Array(memory.buffer, ps, collected.length).set(collected);
    new Float32Array(memory.buffer, px, x.length).set(x);
    exports.winogradGather(px, rows, columns, block, tileRows, tileColumns, ps, 4 * count * block);
    exports.winogradOutputGradient(
      ps,
      4 * count * block,
      count,
      block,
      pv,
      4 * block * block,
      4 * count * block,
    );
    const z = new Float32Array(memory.buffer, pv, 16 * count * block);
    for (let t = 0; t < count; t++)
      for (let c = 0; c < block; c++)
        for (let i = 0; i < 4; i++)
          for (let j = 0; j < 4; j++) {
            let sum = 0;
            for (let k = 0; k < 2 && t < tiles; k++)
              for (let l = 0; l < 2; l++)
                sum +=
                  A[k]![i]! *
                  A[l]![j]! *
                  at(2 * Math.floor(t / tileColumns) + k, 2 * (t % tileColumns) + l, c);
            const found =
              z[
                (4 * i + j) * count * block + Math.floor(t / block) * block * block + c * block + (t % block)
              ]!;
            assert.ok(Math.abs(found - sum) < 1e-5, `${t} ${c} ${i} ${j}`);
          }
  });
});
