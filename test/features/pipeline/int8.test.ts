// Extraction in 8 bits: close to fp32 for every configuration, measured and gated, the same twice.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '../../../src/backbone/nets/architecture.js';
import { calibrate } from '../../../src/backbone/int8/calibration.js';
import { compileGraph } from '../../../src/backbone/nets/graph.js';
import { compileInt8Graph } from '../../../src/backbone/int8/graph.js';
import { type WeightBits, writeQuantised } from '../../../src/backbone/int8/quantise.js';
import { Session } from '../../../src/engine/session.js';
import type { Item } from '../../../src/datasets/dataset.js';
import { UsageError, render } from '../../../src/errors.js';
import { type ExtractOptions, extractFeatures } from '../../../src/features/pipeline/extract.js';
import { prepareInt8 } from '../../../src/features/pipeline/int8.js';
import { openNets } from '../../../src/features/pipeline/plan.js';
import { decode } from '../../../src/images/decode.js';
import { Random } from '../../../src/random.js';
import { withFolder } from '../../support.js';
import { picture, pictures, randomBackbone, small } from '../nets.js';

const cosine = (a: Float32Array, b: Float32Array): number => {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** Least cosine of each layer between the nets in int8 and fp32, over pictures that did not calibrate. */
const fidelity = (
  net: Architecture,
  layers: readonly string[],
  {
    bits = 8,
    input = {},
    method = 'mse',
  }: { bits?: WeightBits; input?: object; method?: 'mse' | 'percentile' } = {},
): Promise<Record<string, number>> =>
  withFolder(async (folder) => {
    const backbone = await randomBackbone(join(folder, 'net.safetensors'), net, 5, input);
    const image = async (seed: number) => decode(await picture(70, 64 + seed, seed), 'picture');
    const calibrating = await Promise.all(Array.from({ length: 8 }, (_, i) => image(i)));
    const ranges = calibrate(backbone, calibrating, 1, undefined, method);
    const path = join(folder, 'int8.safetensors');
    const source = await backbone.sha256();
    await writeQuantised(path, backbone, { format: 1, source, bits, ranges, calibration: '' });
    const float = compileGraph(backbone, { layers, flip: true });
    const whole = await compileInt8Graph(path, backbone, { layers, flip: true });
    const sessions = [float, whole].map(({ model, externalDataFolder }) =>
      Session.create(model, { threads: 1, externalDataFolder }),
    );
    const least: Record<string, number> = {};
    try {
      for (let seed = 20; seed < 26; seed++) {
        const { width, height, data } = await image(seed);
        const [a, b] = sessions.map((session) =>
          session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data } }),
        );
        layers.forEach((layer, i) => {
          const [x, y] = [a![float.outputs[i]!]!.data, b![whole.outputs[i]!]!.data] as Float32Array[];
          least[layer] = Math.min(least[layer] ?? 1, cosine(x!, y!));
        });
      }
    } finally {
      for (const session of sessions) session.close();
    }
    return least;
  });

describe('features/int8', () => {
  for (const config of ['A', 'A-LRN', 'C', 'D'] as const) {
    it(`stays close to fp32 for ${config}`, async () => {
      const input = config === 'D' ? { order: 'bgr', scale: 1, mean: [104, 117, 124], std: [1, 1, 1] } : {};
      const cosines = await fidelity(small({ config, width: 1 / 8 }), ['conv2', 'pool3', 'fc6', 'fc7'], {
        input,
      });
      for (const [layer, value] of Object.entries(cosines)) assert.ok(value > 0.998, `${layer}: ${value}`);
    });
  }

  it('gives fc7 before ReLU and the scores and posteriors of fc8', async () => {
    const cosines = await fidelity(small({ width: 1 / 8 }), [
      'fc7:linear',
      'fc8',
      'fc8:posterior',
      'fc8:softmax',
    ]);
    for (const [layer, value] of Object.entries(cosines)) assert.ok(value > 0.99, `${layer}: ${value}`);
  });

  it('is a little less close with 7-bit weights, and with ranges by percentile', async () => {
    const [eight, seven, percentile] = await Promise.all([
      fidelity(small({ width: 1 / 8 }), ['fc7']),
      fidelity(small({ width: 1 / 8 }), ['fc7'], { bits: 7 }),
      fidelity(small({ width: 1 / 8 }), ['fc7'], { method: 'percentile' }),
    ]);
    assert.ok(seven['fc7']! > 0.995 && seven['fc7']! < eight['fc7']!, `${seven['fc7']} ${eight['fc7']}`);
    assert.ok(percentile['fc7']! < eight['fc7']!, `${percentile['fc7']} ${eight['fc7']}`);
  });

  it('embeds the weights in a model that stands alone', () =>
    withFolder(async (folder) => {
      const backbone = await randomBackbone(join(folder, 'net.safetensors'));
      const { width, height, data } = await decode(await picture(50, 40, 1), 'picture');
      const ranges = calibrate(backbone, [{ width, height, data }], 1);
      const path = join(folder, 'int8.safetensors');
      await writeQuantised(path, backbone, {
        format: 1,
        source: await backbone.sha256(),
        bits: 8,
        ranges,
        calibration: '',
      });
      const options = { layers: ['fc7'], flip: false };
      const pixels = { type: 'uint8', dims: [1, height, width, 3], data } as const;
      const [pointing, alone] = [
        await compileInt8Graph(path, backbone, options),
        await compileInt8Graph(path, backbone, { ...options, embed: true }),
      ].map(({ model, externalDataFolder, outputs }, i) => {
        const session = Session.create(model, { threads: 1, ...(i === 0 ? { externalDataFolder } : {}) });
        const result = session.run({ pixels })[outputs[0]!]!.data;
        session.close();
        return result;
      });
      assert.deepEqual(alone, pointing);
      const other = await randomBackbone(join(folder, 'other.safetensors'), small(), 9);
      await assert.rejects(compileInt8Graph(path, other, options), /was not made from/);
      await assert.rejects(
        compileInt8Graph(path, backbone, { layers: ['conv2:linear'], flip: true }),
        UsageError,
      );
    }));

  it('calibrates on the data set, caches by checksum, and gives the same bytes again', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 30);
      const net = join(folder, 'nets', 'net.safetensors');
      await mkdir(join(folder, 'nets'));
      await randomBackbone(net);
      const notices: string[] = [];
      const extract = (out: string, more: Partial<ExtractOptions> = {}) =>
        extractFeatures(
          items,
          [net],
          { precision: 'int8', scales: [32, 45] },
          {
            out: join(folder, out),
            threads: 1,
            onNotice: (notice) => notices.push(render(notice)),
            ...more,
          },
        );
      const first = await extract('first');
      assert.match(notices[0]!, /^int8: \d-bit weights, cosine to fp32: mean 0\.99\d+,/);
      assert.equal(first.store.recipe.precision, 'int8');
      const cache = await readdir(join(folder, 'nets', '.int8'));
      assert.equal(cache.filter((name) => name.endsWith('.safetensors')).length, 1);
      const second = await extract('second', { workers: 2, threads: 2 });
      assert.deepEqual(await readdir(join(folder, 'nets', '.int8')), cache);
      assert.equal(second.store.hash, first.store.hash);
      assert.deepEqual(await second.store.read('fc7'), await first.store.read('fc7'));
      const again = await extract('first', { resume: true });
      assert.equal(again.run.computed, 0);
    }));

  it('finds what lies in the cache without decoding an image, and only for the very same sample', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 12);
      // The image that is tried first, by the seeded order.
      const [first] = new Random('calibration', 1).shuffle([...items].sort((a, b) => (a.id < b.id ? -1 : 1)));
      const net = join(folder, 'net.safetensors');
      await randomBackbone(net);
      const nets = await openNets([net], { precision: 'int8', scales: [32] });
      const views: string[] = [];
      const prepare = (list: readonly Item[]) => {
        // A box is looked at when an image is decoded, never before.
        const watched = list.map((item): Item =>
          Object.defineProperty({ ...item }, 'box', {
            get: () => {
              views.push(item.id);
              return undefined;
            },
          }),
        );
        return prepareInt8(
          nets.backbones,
          watched,
          folder,
          { ...nets, threads: 1 },
          { calibrationImages: 6 },
        );
      };
      const made = await prepare(items);
      assert.equal(views.length, 9);
      assert.deepEqual(await prepare(items), made);
      assert.equal(views.length, 9, 'nothing was decoded again');

      await writeFile(first!.source.file, 'no image any more');
      const other = await prepare(items);
      assert.equal(views.length, 18);
      assert.notDeepEqual(other.files, made.files);
      assert.deepEqual(await prepare(items), other);
      assert.equal(views.length, 27, 'the sample is not what reading alone lets expect: decoded again');
    }));

  it('falls back to fp32 if the fidelity check fails, unless forced', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 12);
      const net = join(folder, 'net.safetensors');
      await randomBackbone(net);
      // The fidelity of a net that does not pass, as the cache keeps it.
      const nets = await openNets([net], { precision: 'int8', scales: [32] });
      const prepared = await prepareInt8(nets.backbones, items, folder, { ...nets, threads: 1 });
      assert.ok(prepared.accepted && prepared.fidelity.images === 4);
      const note = (await readdir(join(folder, '.int8'))).find((name) => name.endsWith('.json'))!;
      const kept = JSON.parse(await readFile(join(folder, '.int8', note), 'utf8')) as object;
      await writeFile(
        join(folder, '.int8', note),
        JSON.stringify({ ...kept, fidelity: { images: 4, meanCosine: 0.9992, leastCosine: 0.98 } }),
      );
      const notices: string[] = [];
      const extract = (out: string, force: boolean) =>
        extractFeatures(
          items,
          [net],
          { precision: 'int8', scales: [32] },
          {
            out: join(folder, out),
            threads: 1,
            int8: { allowLowFidelity: force },
            onNotice: (notice) => notices.push(render(notice)),
          },
        );
      assert.equal((await extract('gated', false)).store.recipe.precision, 'fp32');
      assert.match(
        notices[0]!,
        /does not pass the fidelity check .*smallest 0\.98000.*Continuing in fp32; allowLowFidelity/,
      );
      assert.equal((await extract('forced', true)).store.recipe.precision, 'int8');
    }));
});
