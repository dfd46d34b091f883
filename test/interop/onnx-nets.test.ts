// Nets of others in ONNX beside PyTorch and Pillow: a ResNet, a ViT, an AlexNet and a GoogLeNet (onnx-nets.py).
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Item } from '../../src/datasets/dataset.js';
import { extractFeatures } from '../../src/features/pipeline/extract.js';
import type { OnnxChoice } from '../../src/features/pipeline/onnx-net.js';
import type { RecipeChoice } from '../../src/features/recipe/recipe.js';
import { Random } from '../../src/random.js';
import { root } from '../support.js';
import { pythonPath, run } from './python.js';

/** Photograph-like pictures: smooth noise, of several shapes. */
const pictures = async (folder: string): Promise<string[]> => {
  const files: string[] = [];
  for (const [i, [width, height]] of ([[301, 200], [97, 133], [256, 256], [640, 361]] as const).entries()) {
    const random = new Random('picture', i);
    const coarse = Buffer.from(Array.from({ length: 24 * 24 * 3 }, () => random.below(256)));
    const file = join(folder, `${i}.png`);
    await sharp(coarse, { raw: { width: 24, height: 24, channels: 3 } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .png()
      .toFile(file);
    files.push(file);
  }
  return files;
}; // prettier-ignore

describe('interop/onnx-nets', function () {
  this.timeout(120_000);
  let folder: string;
  let wanted: Readonly<Record<string, number[][]>>;
  let items: Item[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verydeep-onnx-nets-'));
    const files = await pictures(folder);
    items = files.map((file, i) => ({
      id: String(i),
      path: file,
      source: { file },
      labels: [],
      box: { x: 5, y: 7, width: 60, height: 40 },
    }));
    const script = join(root, 'test', 'interop', 'onnx-nets.py');
    wanted = JSON.parse(await run(await pythonPath(), [script, folder, ...files])) as typeof wanted;
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const extract = async (
    name: string,
    model: string,
    preprocess: string,
    choice: RecipeChoice,
    more: Partial<OnnxChoice & { workers: number }> = {},
  ) => {
    const out = join(folder, `out-${name}`);
    const onnx = { model: join(folder, `${model}.onnx`), preprocess, ...more };
    const own = { flip: false, descriptorNorm: 'none' as const, ...choice };
    const options = { out, onnx, threads: 2, ...(more.workers && { workers: more.workers }) };
    return { out, options, own, ...(await extractFeatures(items, [], own, options)) };
  };

  for (const [name, model, preprocess, choice, more] of [
    ['resnet', 'resnet', 'torchvision', { layers: ['pooled'], flip: true }, {}],
    ['dense', 'resnet', 'timm', { layers: ['map'], region: 'image', scales: [96, 128] }, { pooling: 'max' }],
    ['vit', 'vit', 'vit.json', {}, { pooling: 'first', workers: 2 }],
    ['alexnet', 'alexnet', 'alexnet.json', {}, {}],
    ['googlenet', 'googlenet', 'googlenet.json', {}, {}],
    ['boxes', 'alexnet', 'alexnet.json', { region: 'image+box' }, {}],
  ] as const) {
    it(`gives what PyTorch gives on Pillow's pixels: ${name}`, async () => {
      const file = preprocess.endsWith('.json') ? join(folder, preprocess) : preprocess;
      const { store } = await extract(name, model, file, choice, more);
      const { data, columns } = await store.read(store.layers[0]!);
      const flat = wanted[name]!.flat();
      assert.equal(data.length, flat.length);
      const largest = Math.max(...flat.map(Math.abs));
      const farthest = Math.max(...flat.map((x, i) => Math.abs(x - data[i]!)));
      assert.ok(farthest <= 1e-4 * Math.max(1, largest), `${farthest} of ${largest}, ${columns} numbers`);
      assert.ok(largest > 1e-2);
    });
  }

  it('continues an interrupted run, and computes shards, with the same bytes', async () => {
    const { out, options, own, store } = await extract('again', 'vit', join(folder, 'vit.json'), {});
    const bytes = await readFile(store.parts[0]!.path);
    await rm(store.parts[0]!.path);
    const resumed = await extractFeatures(items, [], own, { ...options, resume: true });
    assert.deepEqual(await readFile(resumed.store.parts[0]!.path), bytes);
    assert.equal(resumed.run.computed, items.length);
    const shard = { index: 0, count: 2 };
    const sharded = await extractFeatures(items, [], own, { ...options, out: `${out}-shard`, shard });
    assert.deepEqual(await readFile(sharded.store.parts[0]!.path), bytes);
    await assert.rejects(
      extractFeatures(items, [], { ...own, flip: true }, { ...options, resume: true }),
      /made with other options: flip/,
    );
  });

  it('refuses what does not fit, by name, before anything is written', async () => {
    const refused = async (model: string, preprocess: string, choice: RecipeChoice, wanted: RegExp) =>
      assert.rejects(extract('refused', model, preprocess, choice), wanted);
    await refused(
      'resnet',
      'timm',
      {},
      /resnet\.onnx has several outputs: pooled .*; map .*Name one with layer/,
    );
    await refused(
      'resnet',
      'timm',
      { layers: ['fc7'] },
      /Expected one of pooled .* for layer but received "fc7"/,
    );
    await refused('vit', join(folder, 'vit.json'), { scales: [48, 64] }, /input of .*vit\.onnx is fixed to 48 × 48 pixels.*scales 48,64 cannot be had/); // prettier-ignore
    await refused('alexnet', 'torchvision', { scales: [40] }, /at least 64 for scales but received 40/);
    await refused('vit', join(folder, 'alexnet.json'), {}, /a crop of 48 pixels, the input of .*vit\.onnx for preprocess/); // prettier-ignore
    const broken = join(folder, 'broken.onnx');
    const bytes = await readFile(join(folder, 'googlenet.onnx'));
    await writeFile(broken, Buffer.from(bytes.toString('latin1').replaceAll('MaxPool', 'MaxPuul'), 'latin1'));
    await refused(
      'broken',
      'timm',
      {},
      /ONNX Runtime cannot load the model .*broken\.onnx given for onnx: .*MaxPuul/,
    );
    await writeFile(broken, bytes.subarray(0, 2000));
    await refused('broken', 'timm', {}, /cannot load the model .*broken\.onnx/);
    await assert.rejects(readFile(join(folder, 'out-refused', '.verydeep')), /ENOENT/);
  });
});
