// Saved SVMs as one ONNX file, against `predict` on the same pixels.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Extraction } from '../src/classifiers/extraction.js';
import { saveModel } from '../src/classifiers/model-file.js';
import { Session } from '../src/engine/session.js';
import { exportModel } from '../src/export-model.js';
import { type RecipeChoice, resolveRecipe } from '../src/features/recipe/recipe.js';
import { decode } from '../src/images/decode.js';
import { predictImages } from '../src/predict.js';
import { Random } from '../src/random.js';
import { picture, randomBackbone, small } from './features/nets.js';
import { verydeepHere, withFolder } from './support.js';
import { readFile } from 'node:fs/promises';

/** Saves SVMs of random weights on descriptors of `columns` numbers. */
const saved = async (
  folder: string,
  choice: RecipeChoice,
  columns: number,
  more: Partial<Extraction> = {},
  model: object = {},
): Promise<string> => {
  const net = await randomBackbone(join(folder, 'net.safetensors'), small({ width: 1 / 32 }), 3);
  const random = new Random('svm');
  const data = Float32Array.from({ length: 2 * columns }, () => random.normal());
  const file = join(folder, 'model.safetensors');
  await saveModel(file, {
    classes: ['a', 'b'],
    weights: { rows: 2, columns, data },
    biases: Float32Array.of(0.25, -0.5),
    solver: 'dual',
    certificates: [],
    notes: [],
    C: [1, 1],
    loss: 'hinge',
    bias: 'regularized',
    sigmoids: [
      { a: -2, b: 0.1 },
      { a: -1, b: 0.4 },
    ],
    extraction: {
      stacks: [
        {
          recipe: resolveRecipe({ resampling: 'pillow', ...choice }, 32, 'cubic'),
          nets: [{ sha256: await net.sha256(), config: 'A', path: 'net.safetensors' }],
          layer: 'fc7',
        },
      ],
      ...more,
    },
    ...model,
  } as never);
  return file;
};

describe('export-model', () => {
  for (const [name, choice, columns, more] of [
    ['whole images at two scales', { scales: [32, 48] }, 24, {}],
    [
      'stacked scales, each normalised',
      { scales: [33, 40], aggregate: 'stack', descriptorNorm: 'per-scale' },
      48,
      {},
    ],
    [
      'maxima without the mirrored image',
      { scales: [32, 36], aggregate: 'max', flip: false, interpolation: 'lanczos3' },
      24,
      {},
    ],
    [
      'nine crops, divided by their norm',
      { scales: [40], region: 'crops', crops: 3, descriptorNorm: 'none' },
      24,
      { norm: 1e-5 },
    ],
  ] as const) {
    it(`scores as predict does: ${name}`, () =>
      withFolder(async (folder) => {
        const model = await saved(folder, choice, columns, more);
        const out = join(folder, 'model.onnx');
        await exportModel(model, out);
        const session = Session.create(await readFile(out), { threads: 1 });
        const files = await Promise.all(
          [[35, 60], [70, 33], [20, 20]].map(async ([width, height], i) => {
            const path = join(folder, `${i}.png`);
            await writeFile(path, await picture(width!, height!, i));
            return path;
          }),
        ); // prettier-ignore
        const photos = files.map((path) => ({ id: path, path, source: { file: path } }));
        const { scores } = await predictImages(model, photos, { threads: 1 });
        for (const [i, path] of files.entries()) {
          const { width, height, data } = await decode(await readFile(path), path);
          const found = session.run({ image: { type: 'uint8', dims: [height, width, 3], data } });
          [...(found['scores']!.data as Float32Array)].forEach((score, c) => {
            const wanted = scores.data[2 * i + c]!;
            assert.ok(Math.abs(score - wanted) < 1e-4, `${score} ${wanted}`);
            const [a, b] = [[-2, 0.1], [-1, 0.4]][c] as [number, number]; // prettier-ignore
            const likely = (found['probabilities']!.data as Float32Array)[c]!;
            assert.ok(Math.abs(likely - 1 / (1 + Math.exp(a * wanted + b))) < 1e-4);
          });
        }
        session.close();
      }));
  }

  for (const link of ['softmax', 'sigmoid'] as const) {
    it(`gives the probabilities of logistic regression: ${link}`, () =>
      withFolder(async (folder) => {
        const model = { link, classifier: 'logistic', loss: 'logistic', sigmoids: undefined };
        const out = join(folder, 'model.onnx');
        await exportModel(await saved(folder, { scales: [32] }, 24, {}, model), out);
        const session = Session.create(await readFile(out), { threads: 1 });
        const data = Uint8Array.from({ length: 40 * 50 * 3 }, (_, i) => (i * i) % 251);
        const found = session.run({ image: { type: 'uint8', dims: [40, 50, 3], data } });
        const [a = 0, b = 0] = found['scores']!.data as Float32Array;
        const difference = link === 'softmax' ? a - b : a;
        const likely = (found['probabilities']!.data as Float32Array)[0]!;
        assert.ok(Math.abs(likely - 1 / (1 + Math.exp(-difference))) < 1e-6);
        session.close();
      }));
  }

  it('is a command, which refuses what no graph of whole images does', () =>
    withFolder(async (folder) => {
      const out = join(folder, 'out.onnx');
      const run = async (model: string, ...more: string[]) =>
        verydeepHere('export', '--model', model, '--onnx', out, ...more);
      const model = await saved(folder, { scales: [32] }, 24);
      const done = await run(model);
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stdout, /2 classes, with probabilities\. Wrote .*out\.onnx/);
      assert.equal((await run(model)).code, 0, 'the same work again');
      const other = await saved(folder, { scales: [33] }, 24);
      assert.match((await run(other)).stderr, /made with other options: .*--model.*Choose another name/);
      for (const [choice, wanted] of [
        [{ region: 'image+box' }, /describes persons in boxes.*--region image/],
        [{ orient: true }, /EXIF data says \(--orient\)/],
        [{ interpolation: 'nearest' }, /--interpolation nearest, which is not exported/],
      ] as const) {
        const { code, stderr } = await run(await saved(folder, { scales: [32], ...choice }, 24), '--force');
        assert.equal(code, 2);
        assert.match(stderr, wanted);
      }
      const voters = { labels: Int8Array.of(1, -1, -1, 1), temperature: 0.07 };
      const votes = await saved(folder, { scales: [32] }, 24, {}, { voters, classifier: 'knn', C: [1] });
      assert.match((await run(votes, '--force')).stderr, /votes by nearest neighbours.*--classifier/);
      const none = join(folder, 'none.onnx');
      const missing = await verydeepHere('export', '--model', join(folder, 'x'), '--onnx', none);
      assert.match(missing.stderr, /Cannot open the model .*x given for --model: there is no such file/);
      assert.ok(!existsSync(none));
    }));
});
