// The engine `torch` on the libtorch of the tests' Python: its numbers beside tfjs-cpu's and the engine onnxruntime's.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import type { TorchBackend } from '../../src/engine/torch/backend.js';
import { momentumUpdate } from '../../src/engine/momentum.js';
import { registerTorchBackend } from '../../src/engine/torch/register.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { openSafetensors } from '../../src/formats/safetensors.js';
import { sha256OfFile } from '../../src/io/files.js';
import { colourImages } from '../backbone/tf.js';
import { difference, normal, on, tf } from '../engine/onnxruntime/support.js';
import { root, verydeep, withFolder } from '../support.js';
import { torchFolder } from './python.js';

type Image = tf.Tensor4D;
type Pad = 'same' | 'valid' | number;

const backend = (): TorchBackend => tf.backend() as TorchBackend;

const agree = async (compute: () => tf.Tensor | tf.Tensor[], tolerance = 1e-5): Promise<void> => {
  const [reference, found] = [await on('cpu', compute), await on('torch', compute)];
  found.forEach((result, i) => {
    const far = difference(result, reference[i]!);
    assert.ok(far < tolerance, `result ${i} differs by ${far}`);
  });
};

describe('the engine torch', function () {
  this.timeout(300_000);

  before(async () => {
    process.env['VERYDEEP_TORCH'] = await torchFolder();
    registerTorchBackend(1);
  });
  after(() => {
    delete process.env['VERYDEEP_TORCH'];
    tf.removeBackend('torch');
  });

  it("convolutions and their gradients equal tfjs-cpu's (property)", async () => {
    const shape = fc.record({
      images: fc.integer({ min: 1, max: 3 }),
      height: fc.integer({ min: 5, max: 12 }),
      width: fc.integer({ min: 5, max: 12 }),
      inputs: fc.integer({ min: 1, max: 9 }),
      outputs: fc.integer({ min: 1, max: 9 }),
      side: fc.constantFrom(1, 2, 3, 5),
      stride: fc.constantFrom(1, 2),
      pad: fc.constantFrom<Pad>('same', 'valid', 1),
    });
    await tf.setBackend('torch');
    await fc.assert(
      fc.asyncProperty(shape, async ({ images, height, width, inputs, outputs, side, stride, pad }) => {
        fc.pre(pad !== 1 || side > 1);
        await agree(() => {
          const x = normal([images, height, width, inputs], 1) as Image;
          const filter = normal([side, side, inputs, outputs], 2) as Image;
          const bias = normal([outputs], 3) as tf.Tensor1D;
          const layer = (a: Image, f: Image, b: tf.Tensor1D): tf.Tensor =>
            tf.relu(tf.fused.conv2d({ x: a, filter: f, bias: b, strides: stride, pad }));
          // tfjs has the gradients of convolution for these.
          const { value, grads } = tf.valueAndGrads((a, f, b) =>
            tf.sum(tf.square(layer(a as Image, f as Image, b as tf.Tensor1D))),
          )([x, filter, bias]);
          return [layer(x, filter, bias), value, ...grads];
        });
      }),
      { numRuns: 40, seed: 5 },
    );
  });

  it("pooling, normalisation, products and their gradients equal tfjs-cpu's (property)", async () => {
    const shape = fc.record({
      images: fc.integer({ min: 1, max: 3 }),
      side: fc.integer({ min: 4, max: 9 }),
      channels: fc.integer({ min: 1, max: 12 }),
      units: fc.integer({ min: 1, max: 12 }),
      radius: fc.integer({ min: 1, max: 3 }),
      window: fc.constantFrom(2, 3),
    });
    await fc.assert(
      fc.asyncProperty(shape, ({ images, side, channels, units, radius, window }) =>
        agree(() => {
          const x = normal([images, side, side, channels], 4) as Image;
          const out = Math.floor((side - window) / 2) + 1;
          const weight = normal([out * out * channels, units], 5) as tf.Tensor2D;
          const net = (a: Image, w: tf.Tensor2D): tf.Tensor => {
            const pooled = tf.maxPool(
              tf.localResponseNormalization(a, radius, 2, 0.1, 0.75),
              window,
              2,
              'valid',
            );
            const row = tf.reshape<tf.Rank.R2>(pooled, [images, -1]);
            return tf.logSoftmax(tf.fused.matMul({ a: row, b: w }));
          };
          const { value, grads } = tf.valueAndGrads((a, w) =>
            tf.mean(tf.mul(net(a as Image, w as tf.Tensor2D), normal([images, units], 6))),
          )([x, weight]);
          return [net(x, weight), value, ...grads];
        }),
      ),
      { numRuns: 25, seed: 6 },
    );
  });

  it('computes a training step without a kernel of tfjs-cpu, and frees what tfjs disposes', async () => {
    await tf.setBackend('torch');
    backend().fallbacks.clear();
    const before = backend().numDataIds();
    const step = (): void => {
      const tensors = tf.tidy(() => {
        const [x, filter] = [normal([4, 8, 8, 3], 1) as Image, normal([3, 3, 3, 8], 2) as Image];
        const net = (f: tf.Tensor): tf.Scalar =>
          tf.sum(tf.maxPool(tf.relu(tf.conv2d(x, f as Image, 1, 'same')), 2, 2, 'valid'));
        return tf.valueAndGrads((f) => net(f))([filter]).grads;
      });
      tf.dispose(tensors);
    };
    for (let i = 0; i < 10; i++) step();
    assert.deepEqual([...backend().fallbacks], []);
    assert.equal(backend().numDataIds(), before);
    const { rss } = process.memoryUsage();
    for (let i = 0; i < 300; i++) step();
    const growth = (process.memoryUsage().rss - rss) / 2 ** 20;
    assert.ok(growth < 20, `memory grew by ${growth} MiB in 300 steps`);
  });

  it("updates in place by the paper's rule, also where weight, velocity and gradient lie in other orders", async () => {
    const results: Float32Array[][] = [];
    for (const name of ['cpu', 'torch']) {
      await tf.setBackend(name);
      const x = normal([1, 6, 6, 2], 1) as Image;
      let state = { weight: normal([3, 3, 2, 4], 2), velocity: normal([3, 3, 2, 4], 3) };
      // Its use as a filter reorders the weight; the gradient that is given lies as tfjs wrote it.
      tf.dispose(tf.conv2d(x, state.weight as Image, 1, 'same'));
      for (const learningRate of [0.1, 0.01])
        state = momentumUpdate(state.weight, state.velocity, normal([3, 3, 2, 4], 4), {
          learningRate,
          momentum: 0.9,
          decay: 0.05,
        });
      results.push([state.weight, state.velocity].map((tensor) => Float32Array.from(tensor.dataSync())));
    }
    results[0]!.forEach((values, i) =>
      values.forEach((value, at) => assert.ok(Math.abs(value - results[1]![i]![at]!) < 1e-6)),
    );
  });

  it('computes products in bfloat16 near to float32, and keeps weights, sums and velocities in float32', async () => {
    const run = (): Float32Array[] => {
      const tensors = tf.tidy(() => {
        const x = normal([4, 12, 12, 3], 1) as Image;
        const filter = normal([3, 3, 3, 16], 2) as Image;
        const weight = normal([12 * 12 * 16, 5], 3) as tf.Tensor2D;
        const bias = normal([16], 4) as tf.Tensor1D;
        const loss = (f: tf.Tensor, b: tf.Tensor, w: tf.Tensor): tf.Scalar => {
          const maps = tf.fused.conv2d({
            x,
            filter: f as Image,
            bias: b,
            strides: 1,
            pad: 'same',
          });
          // Without pooling, whose choice of the largest a rounding changes.
          const row = tf.reshape<tf.Rank.R2>(tf.relu(maps), [4, -1]);
          return tf.mean(tf.square(tf.fused.matMul({ a: row, b: w })));
        };
        const { value, grads } = tf.valueAndGrads((f, b, w) => loss(f, b, w))([filter, bias, weight]);
        const state = momentumUpdate(filter.clone(), tf.zerosLike(filter), grads[0] as Image, {
          learningRate: 1e-3,
          momentum: 0.9,
          decay: 0,
        });
        return [value, ...grads, tf.sub(state.weight, filter)];
      });
      const numbers = tensors.map((tensor) => Float32Array.from(tensor.dataSync()));
      tf.dispose(tensors);
      return numbers;
    };
    await tf.setBackend('cpu');
    const exact = run();
    try {
      registerTorchBackend(1, undefined, 'bfloat16');
      await tf.setBackend('torch');
      const near = run();
      // bfloat16 has 8 bits, and a sign of ReLU that flips moves a gradient: the directions agree, float32's to 1e-10.
      const angles = exact.map((values, i) => {
        const dot = (x: Float32Array, y: Float32Array): number =>
          x.reduce((sum, value, at) => sum + value * y[at]!, 0);
        const other = near[i]!;
        return 1 - dot(values, other) / Math.sqrt(dot(values, values) * dot(other, other));
      });
      angles.forEach((angle, i) => assert.ok(angle < 2e-3, `result ${i}: 1 - cosine is ${angle}`));
      assert.ok(Math.max(...angles) > 1e-8, `nothing was computed in bfloat16: ${angles.join(', ')}`);
    } finally {
      await tf.setBackend('cpu');
      registerTorchBackend(1);
    }
  });

  it('trains a net that is no VGG by the program in the docs', async () => {
    const page = await readFile(join(root, 'docs', 'engine.md'), 'utf8');
    const program = /## For any program of TensorFlow\.js[\s\S]*?```js\n([\s\S]*?)```/.exec(page)![1]!;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, VERYDEEP_ENGINE: 'torch' },
      input: program,
    });
    assert.match(stdout, /torch \[ 0, 1, 1, 0 \]/);
  });

  it("ends no process: libtorch's own text is thrown", async () => {
    await tf.setBackend('torch');
    const { torch } = backend();
    const handle = torch.full([2, 3], 1);
    const { tensor } = await import('../../src/engine/torch/call.js');
    assert.throws(() => torch.call('aten::mm', tensor(handle), tensor(handle)), /libtorch: aten::mm: .*2x3/);
    assert.throws(() => torch.empty([2 ** 40]), /too little memory/);
    torch.delete(handle);
  });

  it('trains and extracts on the command line as the engine onnxruntime does (1e-4), and twice to the same bytes', () =>
    withFolder(async (folder) => {
      const colours = { blue: [20, 40, 230], green: [30, 200, 60], red: [220, 30, 30] } as const;
      const data = join(folder, 'images');
      await colourImages(data, 6, colours);
      const options =
        '--width 0.125 --blocks 3 --input-size 16 --fully-connected 32 --batch 4 --init he --epochs 3 --workers 1 --threads 1 --quiet';
      const run = async (args: readonly string[]): Promise<void> => {
        const { code, stderr } = await verydeep(args);
        assert.equal(code, 0, stderr);
      };
      const train = async (engine: string, out: string): Promise<string> => {
        await run([
          ...['train', 'folder', '--data', data, '--out', join(folder, out), '--engine', engine],
          ...options.split(' '),
        ]);
        return join(folder, out, 'backbone.safetensors');
      };
      const [ours, theirs, again] = [
        await train('onnxruntime', 'a'),
        await train('torch', 'b'),
        await train('torch', 'c'),
      ];
      assert.equal(await sha256OfFile(theirs), await sha256OfFile(again));
      const [a, b] = [await openSafetensors(ours), await openSafetensors(theirs)];
      for (const name of [...a.tensors.keys()].filter((each) => !each.startsWith('seen'))) {
        const [x, y] = [await a.read(name), await b.read(name)];
        const most = x.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        x.forEach((value, i) => assert.ok(Math.abs(value - y[i]!) < 1e-4 * most, `${name} differs`));
      }
      await Promise.all([a.close(), b.close()]);

      const matrices: Float32Array[] = [];
      for (const engine of ['onnxruntime', 'torch']) {
        const out = join(folder, `features-${engine}`);
        await run([
          ...['extract', 'folder', '--data', data, '--scales', '24,32', '--layer', 'fc7', '--quiet'],
          ...['--backbone', ours, '--engine', engine, '--out', out],
        ]);
        matrices.push((await (await openFeatures([out])).read('fc7')).data);
      }
      matrices[0]!.forEach((value, i) => assert.ok(Math.abs(value - matrices[1]![i]!) < 1e-4));
    }));

  it('names what is wrong with --device and with the place of libtorch', () =>
    withFolder(async (folder) => {
      const train = ['train', 'folder', '--data', folder, '--out', join(folder, 'out'), '--engine', 'torch'];
      await colourImages(folder, 2, { a: [1, 2, 3], b: [200, 100, 50] });
      for (const [device, message] of [
        ['cuda:7', /Cannot use --device cuda:7: this libtorch is a build for the CPU/],
        ['gpu', /for --device but received "gpu"/],
      ] as const) {
        const { code, stderr } = await verydeep([...train, '--device', device]);
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
      }
      const { code, stderr } = await verydeep(train, { env: { VERYDEEP_TORCH: '/nowhere' } });
      assert.notEqual(code, 0);
      assert.match(
        stderr,
        /Cannot load libtorch: there is no \/nowhere \(VERYDEEP_TORCH\)\. pip install torch/,
      );
    }));
});
