import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { runBenchmark } from '../../benchmarks/run-benchmark.js';
import { type IlsvrcOptions, evaluateIlsvrc } from '../../benchmarks/ilsvrc2012.js';
import { best, predictionLines } from '../../benchmarks/ilsvrc/predictions.js';
import { publishedErrors } from '../../benchmarks/ilsvrc/published.js';
import { architecture } from '../../src/backbone/nets/architecture.js';
import { saveBackbone } from '../../src/backbone/nets/backbone.js';
import { denseForward } from '../../src/backbone/nets/forward.js';
import { initialWeights } from '../../src/backbone/nets/initialisation.js';
import { tensorsOf, tfShape, toTfLayout } from '../../src/backbone/nets/layout.js';
import { decode } from '../../src/images/decode.js';
import { resizeSmallestSide } from '../../src/images/resize.js';
import { sizeFromShape } from '../../src/shape.js';
import { withFolder } from '../support.js';
import { colourImages, cpu } from '../backbone/tf.js';
import { render } from '../../src/errors.js';

const classes = ['n01440764', 'n02012849', 'n02119789'];
const colours = { n01440764: [220, 30, 30], n02012849: [30, 200, 60], n02119789: [20, 40, 230] } as const;
const input = { order: 'rgb', scale: 1, mean: [110, 110, 110], std: [60, 60, 60] } as const;
const net = architecture({
  config: 'A',
  width: 1 / 16,
  blocks: 2,
  inputSize: 8,
  fullyConnected: 16,
  outputs: 3,
});

const writeNet = async (path: string, seed: number, names: readonly string[] = classes): Promise<string> => {
  const layers = new Map(tensorsOf(net).map((entry) => [entry.name, entry]));
  await saveBackbone(path, { format: 1, architecture: net, input, classes: names }, (name) => {
    const { layer, bias } = layers.get(name)!;
    return bias ? new Float32Array(layer.outputs) : initialWeights(layer, 'he', seed);
  });
  return path;
};

/** A net for the three classes that says the first of every image: all is 0 but the bias of its score. */
const writeFirst = async (path: string, inputSize = 8): Promise<string> => {
  const first = architecture({
    config: 'A',
    width: 1 / 16,
    blocks: 2,
    inputSize,
    fullyConnected: 16,
    outputs: 3,
  });
  const layers = new Map(tensorsOf(first).map((entry) => [entry.name, entry]));
  await saveBackbone(path, { format: 1, architecture: first, input, classes }, (name, shape) => {
    const { layer, bias } = layers.get(name)!;
    const values = new Float32Array(sizeFromShape(shape));
    if (bias && layer.name === 'fc8') values[0] = 1;
    return values;
  });
  return path;
};

const softmax = (scores: readonly number[]): number[] => {
  const sum = scores.reduce((a, x) => a + Math.exp(x), 0);
  return scores.map((x) => Math.exp(x) / sum);
};

describe('ilsvrc2012', () => {
  const options = (root: string, part: Partial<IlsvrcOptions>): IlsvrcOptions => ({
    data: join(root, 'data'),
    backbones: [],
    features: [],
    out: join(root, 'out'),
    split: 'val',
    scales: [9, 12],
    testing: 'both',
    crops: 2,
    flip: true,
    maxSide: 100,
    extract: { threads: 1, workers: 1 },
    ...part,
  });

  it('tests nets densely, by crops, both and fused, and fuses again from the posteriors on disk', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data/val'), 3, colours);
      const nets = await Promise.all([1, 2].map((seed) => writeNet(join(root, `${seed}.safetensors`), seed)));
      const results = await evaluateIlsvrc(options(root, { backbones: nets }));
      assert.equal(results.images, 9);
      assert.deepEqual(
        results.rows.map(({ name }) => name).slice(0, 4),
        ['dense', 'dense, soft-max first', 'multi-crop', 'multi-crop & dense'].map(
          (way) => `A (1) & A (2), ${way}`,
        ),
      );
      assert.equal(results.rows.length, 12);
      for (const { top1Error, top5Error } of results.rows) {
        assert.ok(top1Error >= 0 && top1Error <= 100);
        assert.equal(top5Error, 0, 'of three classes the true one is among the best five');
      }
      const again = await runBenchmark('ilsvrc2012', {
        data: join(root, 'data'),
        features: results.files.posteriors,
        out: join(root, 'again'),
      });
      assert.deepEqual(again.rows, results.rows);
      const lines = (await readFile(join(root, 'out/predictions.csv'), 'utf8')).trim().split('\n');
      assert.equal(lines[0], 'ImageId,PredictionString');
      assert.equal(lines.length, 10);
      assert.match(lines[1]!, /^0,(n\d{8} 0 0 \d+ \d+ ?){3}$/);
    })).timeout(60_000);

  it("equals the net's own dense scores, averaged over positions, mirrors and scales as the paper says", () =>
    withFolder(async (root) => {
      const tf = await cpu();
      await colourImages(join(root, 'data/val'), 2, colours);
      const path = await writeNet(join(root, 'a.safetensors'), 5);
      const out = join(root, 'out');
      await evaluateIlsvrc(options(root, { backbones: [path], testing: 'dense', out }));
      const { openPosteriors } = await import('../../benchmarks/ilsvrc/posteriors.js');
      const reader = await openPosteriors([
        { folder: join(out, 'posteriors', '0-dense'), testing: 'dense', net: 0 },
      ]);
      const id = 'val/n02012849/1.png';
      const { data } = await reader.read(
        { name: '', parts: [{ testing: 'dense', layer: 'fc8:posterior' }] },
        [{ id, path: id, source: { file: '' }, labels: [] }],
      );
      const image = await decode(await readFile(join(root, 'data', id)), id);
      const weights = new Map(
        tensorsOf(net).map(({ name, layer, bias }) => [
          name,
          bias
            ? tf.zeros([layer.outputs])
            : tf.tensor(toTfLayout(layer, initialWeights(layer, 'he', 5)), tfShape(layer)),
        ]),
      );
      const sum = [0, 0, 0];
      for (const q of [9, 12]) {
        const scaled = await resizeSmallestSide(image, q, 'lanczos3');
        for (const mirrored of [false, true]) {
          const scores = tf.tidy(() => {
            const pixels = tf.tensor4d(Float32Array.from(scaled.data), [1, scaled.height, scaled.width, 3]);
            const x = tf.div(tf.sub(mirrored ? tf.reverse(pixels, 2) : pixels, 110), 60);
            return [
              ...tf.mean(denseForward(tf, net, weights, tf.reshape(x, pixels.shape)), [0, 1, 2]).dataSync(),
            ];
          });
          softmax(scores).forEach((p, c) => (sum[c]! += p / 4));
        }
      }
      sum.forEach((p, c) => assert.ok(Math.abs(p - data[c]!) < 1e-5, `${p} ${data[c]}`));
    })).timeout(60_000);

  it('uses the middle of images that would be too long, and says which', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data/val'), 1, colours);
      await sharp({ create: { width: 400, height: 10, channels: 3, background: '#f00' } })
        .png()
        .toFile(join(root, 'data/val/n01440764/long.png'));
      const path = await writeNet(join(root, 'a.safetensors'), 1);
      const notices: string[] = [];
      const { limited, images } = await evaluateIlsvrc(
        options(root, {
          backbones: [path],
          testing: 'dense',
          maxSide: 40,
          onNotice: (notice) => notices.push(render(notice)),
        }),
      );
      assert.equal(images, 4);
      assert.deepEqual(limited, ['val/n01440764/long.png']);
      assert.match(notices.join(), /Warning: 1 long images were centre-cropped/);
    })).timeout(60_000);

  it('counts an image that cannot be read as an error, as it ranks last in VOC', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data/val'), 3, colours);
      await writeFile(join(root, 'data/val/n01440764/bad.png'), 'no image');
      const { rows, images, skipped, mean } = await evaluateIlsvrc(
        options(root, {
          backbones: [await writeFirst(join(root, 'first.safetensors'))],
          testing: 'multi-crop',
          flip: false,
        }),
      );
      assert.equal(images, 10);
      assert.deepEqual(
        skipped.map(({ id }) => id),
        ['val/n01440764/bad.png'],
      );
      // Ten images. Three of the first class are right; the best three hold the class of every image that can be read.
      const [{ top1Error, top5Error }] = rows as [(typeof rows)[0]];
      assert.ok(Math.abs(top1Error - 70) < 1e-9, `${top1Error}`);
      assert.ok(Math.abs(top5Error - 10) < 1e-9, `${top5Error}`);
      assert.equal(mean, top5Error);
      assert.match(
        await readFile(join(root, 'out/report.html'), 'utf8'),
        /Could not be read, and count as errors<\/dt>\s*<dd>1</,
      );
    })).timeout(60_000);

  it("keeps each fused net's own scales: 256, 384 and 512 relative to its input", () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data/val'), 1, colours);
      const nets = await Promise.all(
        [8, 12].map((inputSize) => writeFirst(join(root, `${inputSize}.safetensors`), inputSize)),
      );
      const given = options(root, { backbones: nets, testing: 'dense', flip: false });
      const fused = await evaluateIlsvrc(
        Object.fromEntries(Object.entries(given).filter(([name]) => name !== 'scales')) as typeof given,
      );
      // 8 / 224 and 12 / 224 of 256, 384 and 512: 9.1, 13.7, 18.3 and 13.7, 20.6, 27.4.
      const wanted = [[[9, 14, 18]], [[14, 21, 27]]];
      const scalesOf = ({ nets: own }: typeof fused) =>
        own.map(({ tests }) => tests.map(({ scales }) => scales));
      assert.deepEqual(scalesOf(fused), wanted);
      const written = JSON.parse(await readFile(join(root, 'out/results.json'), 'utf8')) as typeof fused;
      assert.deepEqual(scalesOf(written), wanted);
      const report = await readFile(join(root, 'out/report.html'), 'utf8');
      for (const scales of ['9, 14, 18', '14, 21, 27']) assert.ok(report.includes(`dense at Q ${scales}`));
      // Posteriors of an earlier run, in another order.
      const again = await evaluateIlsvrc({
        ...given,
        backbones: [],
        features: [...fused.files.posteriors].reverse(),
        out: join(root, 'again'),
      });
      assert.deepEqual(scalesOf(again), [...wanted].reverse());
    })).timeout(60_000);

  it('refuses nets for other classes', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data/val'), 1, colours);
      const path = await writeNet(join(root, 'a.safetensors'), 1, ['cat', 'dog', 'fox']);
      await assert.rejects(
        evaluateIlsvrc(options(root, { backbones: [path] })),
        /Expected a net for the 3 classes/,
      );
      await assert.rejects(evaluateIlsvrc(options(root, {})), /either weights or posteriors/);
      await assert.rejects(
        runBenchmark('ilsvrc2012', options(root, { backbones: [path], crops: 0 })),
        /a whole number of at least 1 for crops but received 0/,
      );
    }));

  it("knows the paper's tables", () => {
    const counts = [3, 4, 5, 6, 7].map(
      (table) => publishedErrors.filter((row) => row.table === table).length,
    );
    assert.deepEqual(counts, [12, 10, 6, 4, 15]);
    const d = publishedErrors.find(
      ({ table, method, train }) => table === 4 && method === 'D' && train === '256-512',
    );
    assert.deepEqual([d!.top1, d!.top5], [24.8, 7.5]);
  });

  it('writes the five likeliest classes, best first, ties by index', () => {
    assert.deepEqual(best(Float32Array.of(0.1, 0.3, 0.3, 0.2), 3), [1, 2, 3]);
    const item = { id: 'a', path: 'val/ILSVRC2012_val_00000003.JPEG', source: { file: '' }, labels: [] };
    assert.deepEqual(
      predictionLines([item], { rows: 1, columns: 2, data: Float32Array.of(0.4, 0.6) }, ['n1', 'n2'], () => ({
        width: 5,
        height: 4,
      })),
      ['ILSVRC2012_val_00000003,n2 0 0 5 4 n1 0 0 5 4'],
    );
    const [line] = predictionLines(
      [item],
      { rows: 1, columns: 1, data: Float32Array.of(1) },
      ['goldfish, Carassius auratus'],
      () => undefined,
    );
    assert.deepEqual(parse(line!), [['ILSVRC2012_val_00000003', 'goldfish, Carassius auratus 0 0 0 0']]);
  });
});
