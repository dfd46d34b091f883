import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openFeatures } from '../../src/features/store/reader.js';
import { openSafetensors } from '../../src/formats/safetensors.js';
import { colourImages } from '../backbone/tf.js';
import { verydeep, withFolder } from '../support.js';

const engines = ['onnxruntime', 'tensorflow'] as const;
const colours = { blue: [20, 40, 230], green: [30, 200, 60], red: [220, 30, 30] } as const;
const training =
  '--width 0.125 --blocks 3 --input-size 16 --fully-connected 32 --batch 4 --init he --epochs 3 --workers 1 --threads 1 --quiet'.split(
    ' ',
  );

const run = async (args: readonly string[]): Promise<void> => {
  const { code, stderr } = await verydeep(args);
  assert.equal(code, 0, stderr);
};

const tensorsOf = async (path: string): Promise<Map<string, Float32Array>> => {
  const file = await openSafetensors(path);
  try {
    const names = [...file.tensors.keys()];
    return new Map(await Promise.all(names.map(async (name) => [name, await file.read(name)] as const)));
  } finally {
    await file.close();
  }
};

const matrixOf = async (folder: string): Promise<Float32Array> => {
  const store = await openFeatures([folder]);
  const parts: Float32Array[] = [];
  for await (const { matrix } of store.batches(store.layers[0]!)) parts.push(Float32Array.from(matrix.data));
  return Float32Array.from(parts.flatMap((part) => [...part]));
};

/** The largest difference, relative to the largest magnitude. */
const difference = (a: Float32Array, b: Float32Array): number => {
  assert.equal(a.length, b.length);
  const magnitude = a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  assert.ok(magnitude > 0);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / magnitude;
};

// Where tfjs-node is built (`npm run test:tensorflow`), both engines are there.
const describeWithTensorFlow = process.env['VERYDEEP_ENGINE'] === 'tensorflow' ? describe : describe.skip;

describeWithTensorFlow('the engines onnxruntime and tensorflow', function () {
  this.timeout(180_000);

  it('train to the same weights and extract the same descriptors (1e-4)', () =>
    withFolder(async (folder) => {
      const data = join(folder, 'images');
      await colourImages(data, 6, colours);
      for (const engine of engines)
        await run([
          ...['train', 'folder', '--data', data, '--out', join(folder, engine), '--engine', engine],
          ...training,
        ]);
      const [ours, theirs] = await Promise.all(
        engines.map((engine) => tensorsOf(join(folder, engine, 'backbone.safetensors'))),
      );
      for (const [name, numbers] of ours!)
        assert.ok(difference(numbers, theirs!.get(name)!) < 1e-4, `${name} differs`);

      for (const engine of engines)
        await run([
          ...['extract', 'folder', '--data', data, '--scales', '24,32', '--layer', 'fc7', '--quiet'],
          ...['--backbone', join(folder, 'onnxruntime', 'backbone.safetensors')],
          ...['--engine', engine, '--out', join(folder, `features-${engine}`)],
        ]);
      const [a, b] = await Promise.all(engines.map((engine) => matrixOf(join(folder, `features-${engine}`))));
      assert.ok(difference(a!, b!) < 1e-4);
    }));
});
