import assert from 'node:assert/strict';
import { join } from 'node:path';
import { architecture, layersOf } from '../../../src/backbone/nets/architecture.js';
import { UsageError, VerydeepError } from '../../../src/errors.js';
import { Collection } from '../../../src/features/pipeline/collected.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { describeBlocks } from '../../../src/features/pipeline/describer.js';
import { fitWorkers } from '../../../src/features/pipeline/fit.js';
import type { Outcome } from '../../../src/features/pipeline/image.js';
import {
  type ExtractionSize,
  activationBytes,
  expectedImage,
  expectedViews,
  extractionNeeds,
} from '../../../src/features/pipeline/memory.js';
import { netsFor, planExtraction } from '../../../src/features/pipeline/plan.js';
import { type Recipe, resolveRecipe } from '../../../src/features/recipe/recipe.js';
import { withFolder, withVariables } from '../../support.js';
import { picture, pictures, randomBackbone, small } from '../nets.js';
import { mkdir, writeFile } from 'node:fs/promises';

/** Two blocks of a net D of a quarter of the width: 3 to 16 to 16 channels, then 32 and 32 at half the size. */
const net = architecture({
  config: 'D',
  width: 0.25,
  blocks: 2,
  inputSize: 8,
  fullyConnected: 10,
  outputs: 2,
});
const size: ExtractionSize = {
  nets: [{ architecture: net, layers: layersOf(net) }],
  ...{ precision: 'fp32', flip: false, workers: 1, viewPixels: 1_000_000, imageBytes: 5_000_000 },
};
const needs = (change: Partial<ExtractionSize> = {}): Readonly<Record<string, number>> =>
  Object.fromEntries(extractionNeeds({ ...size, ...change }));

const recipeOf = (choice: Partial<Recipe>): Recipe => resolveRecipe({ layers: ['conv1'], ...choice }, 8);

describe('the memory of an extraction', () => {
  it("holds a layer's input and output where they are largest, in float32, with some room", () => {
    // conv1_2: 16 channels in and 16 out; and four numbers for each pixel of the input.
    assert.equal(activationBytes(size, 1000), 4 * 1000 * (1.25 * 32 + 4));
    assert.equal(activationBytes({ ...size, flip: true }, 1000), 2 * 4 * 1000 * (1.25 * 32 + 4));
    // Several nets run one after the other.
    assert.equal(activationBytes({ ...size, nets: [...size.nets, ...size.nets] }, 1000), 4 * 1000 * 44);
  });

  it('counts weights once a net, activations once a worker, decoded images for all that are under way', () => {
    const kernels = 9 * (3 * 16 + 16 * 16 + 16 * 32 + 32 * 32);
    const matrices = 2 * 2 * 32 * 10 + 10 * 10 + 10 * 2;
    const one = needs();
    assert.equal(one['weights'], 4 * (2 * kernels + matrices));
    assert.equal(one['decoded images'], 5 * 5_000_000);
    const three = needs({ workers: 3 });
    assert.equal(three['weights'], one['weights']);
    assert.equal(three['activations'], 3 * one['activations']!);
    assert.equal(three['decoded images'], 9 * 5_000_000);
    assert.equal(three['the program and its threads']! - one['the program and its threads']!, 2 * 16e6);
  });

  it('takes the largest view that scales and maxSide allow, and no more than a view may have', () => {
    const image = { aspect: 2, pixels: 1000 };
    const views = (choice: Partial<Recipe>) => expectedViews(recipeOf(choice), 8, image).viewPixels;
    assert.equal(views({ scales: [10, 100] }), 100 * 200);
    assert.equal(views({ scales: [10, 100], maxSide: 150 }), 100 * 150);
    assert.equal(views({ scales: [2000] }), 2 ** 22);
    assert.equal(views({ scales: [100], region: 'crops', crops: 3 }), 8 * 8);
    // 3 bytes a pixel: 600 in 1024, 60,000 in 65,536; and the image itself.
    assert.equal(expectedViews(recipeOf({ scales: [10, 100] }), 8, image).imageBytes, 3000 + 1024 + 65_536);
  });

  it('reads the sizes of images from their headers, also of bytes, and leaves out what is none', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'a.png');
      await writeFile(file, await picture(30, 90, 1));
      await writeFile(join(folder, 'none.png'), 'none');
      const sources = [
        { source: { file } },
        { source: { bytes: await picture(100, 80, 2) } },
        { source: { file: join(folder, 'none.png') }, box: { width: 70, height: 10 } },
      ];
      assert.deepEqual(await expectedImage(sources, false), { aspect: 3, pixels: 8000 });
      assert.deepEqual(await expectedImage(sources, true), { aspect: 7, pixels: 8000 });
      assert.deepEqual(await expectedImage([], false), { aspect: 1.5, pixels: 0 });
    }));
});

describe('descriptors in memory', () => {
  it('are refused where they do not fit, before memory is taken for them', () => {
    const outcome: Outcome = {
      kind: 'described',
      ...{ sha256: 'ab', width: 1, height: 1, reused: false, megapixels: 1 },
      descriptors: [new Float32Array(4096)],
    };
    const item = { id: 'a', path: 'a', source: { file: 'a' }, labels: [] };
    assert.throws(
      () => new Collection(1e9).add(item, outcome),
      /The descriptors of 1000000000 images need 16384\.0 GB of memory, but .* GB are free \(.*\)\. Give out/,
    );
    new Collection(10).add(item, outcome);
  });
});

describe('workers', () => {
  const recipe = recipeOf({ scales: [100] });
  const total = (workers: number): number =>
    extractionNeeds({ ...size, workers }).reduce((sum, [, bytes]) => sum + bytes, 0);
  const fit = (bytes: number, usual: number, given?: number) =>
    fitWorkers(size, { usual, given }, recipe, 0, { bytes, source: 'a test' });

  it('are as many as nine tenths of the free memory suffice for', () => {
    assert.equal(fit(total(4) / 0.9 + 1, 4), 4);
    assert.equal(fit(total(4) / 0.9 - 1, 4), 3);
    assert.equal(fit(total(2) / 0.9 + 1, 4), 2);
    assert.equal(fit(total(1), 4), 1);
  });

  it('are refused where they were asked for and do not fit, with a number that does', () => {
    assert.equal(fit(total(4), 4, 4), 4);
    assert.throws(
      () => fit(total(3) - 1, 3, 3),
      /workers 3 needs 0\.8 GB of memory \(0\.5 GB for activations.*, but 0\.\d GB are free \(a test\)\. Give workers 2\./,
    );
    assert.throws(
      () => fit(total(1) - 1, 2),
      (error) =>
        error instanceof UsageError &&
        /^Describing images of up to 1\.0 megapixels needs 0\.4 GB .* Give smaller scales\.$/.test(
          error.message,
        ),
    );
    const limited = { ...recipe, maxSide: 200 };
    assert.throws(
      () => fitWorkers(size, { usual: 1 }, limited, 0, { bytes: 1, source: 'a test' }),
      /Give smaller scales or maxSide\./,
    );
  });
});

describe('an extraction on little memory', () => {
  const machine = { threads: 2 };

  it('has fewer workers than usual, or is refused before anything is written, in int8 too', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 6);
      const backbone = await randomBackbone(join(folder, 'net.safetensors'), small({}));
      const nets = netsFor([backbone], { scales: [512] });
      const plan = (memory: string) =>
        withVariables({ VERYDEEP_MEMORY: memory }, () =>
          planExtraction(nets, machine, undefined, { pictures: items }),
        );
      assert.equal((await plan('100')).workers, 2);
      const { workers, remark } = await plan('0.24');
      assert.equal(workers, 1);
      assert.equal(remark, '1 worker instead of 2: memory does not suffice for more.');

      const out = join(folder, 'out');
      for (const precision of ['fp32', 'int8'] as const) {
        const failed = withVariables({ VERYDEEP_MEMORY: '0.15' }, () =>
          extractFeatures(items, [backbone.path], { scales: [512], precision }, { ...machine, out }),
        );
        await assert.rejects(failed, (error) => {
          assert.ok(error instanceof UsageError);
          const what = precision === 'fp32' ? 'Describing images of' : 'Calibrating precision int8';
          assert.match(
            error.message,
            new RegExp(`^${what} .*0\\.15 GB are free|^${what} .*0\\.1 GB are free`),
          );
          assert.match(error.message, /smaller scales/);
          return true;
        });
      }
    }));

  it('counts all nets of a prediction together', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 1);
      const backbone = await randomBackbone(join(folder, 'net.safetensors'), small({}));
      const nets = netsFor([backbone], { scales: [512] });
      const workers = async (stacks: number, memory: string): Promise<number[]> => {
        const plans = await withVariables({ VERYDEEP_MEMORY: memory }, () =>
          describeBlocks(new Array(stacks).fill(nets), items, { threads: 2 }, () => undefined),
        );
        return plans.map((plan) => plan.workers);
      };
      assert.deepEqual(await workers(1, '0.3'), [2]);
      await assert.rejects(workers(2, '0.3'), /GB for other nets.*but 0\.3 GB are free/);
    }));

  it('ends, with what is done kept, at an image that is larger than memory suffices for', () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'images'));
      const file = join(folder, 'images/long.png');
      const items = await pictures(join(folder, 'images'), 40);
      await writeFile(file, await picture(1500, 20, 1));
      // The sample of headers takes every 41st of 41 · 32 images: the long one is the second.
      const many = Array.from({ length: 32 * 41 }, (_, i) => ({ ...items[i % 40]!, id: `${1000 + i}` }));
      many[1] = { ...many[1]!, id: '1001', path: 'long.png', source: { file } };
      const backbone = await randomBackbone(join(folder, 'net.safetensors'), small({}));
      const failed = withVariables({ VERYDEEP_MEMORY: '0.19' }, () =>
        extractFeatures(many, [backbone.path], { scales: [200] }, { ...machine, out: join(folder, 'out') }),
      );
      await assert.rejects(failed, (error) => {
        assert.ok(error instanceof VerydeepError);
        assert.match(
          error.message,
          /^long\.png, 3\.0 megapixels after scaling, needs 0\.\d GB .* leave the image out, or continue with resume where more is free\.$/,
        );
        return true;
      });
    }));
});
