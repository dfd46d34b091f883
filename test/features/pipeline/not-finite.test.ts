// A store never holds what is infinite or no number: the run fails instead, and names the net and the image.
import { deepEqual, match, ok, rejects } from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBackbone } from '../../../src/backbone/nets/backbone.js';
import { UsageError, VerydeepError } from '../../../src/errors.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import type { RecipeChoice } from '../../../src/features/recipe/recipe.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../nets.js';

/** Replaces every number of some tensors of a backbone. */
const overwritten = async (
  path: string,
  change: (value: number, index: number) => number,
  names: string[],
): Promise<void> => {
  const { tensors } = await openBackbone(path);
  const bytes = await readFile(path);
  for (const name of names) {
    const { offset, length } = tensors.get(name)!;
    for (let i = 0; i < length / 4; i++)
      bytes.writeFloatLE(change(bytes.readFloatLE(offset + 4 * i), i), offset + 4 * i);
  }
  await writeFile(path, bytes);
};

const failing = (
  change: (path: string) => Promise<void>,
  choice: RecipeChoice,
  check: (error: unknown) => void,
): Promise<void> =>
  withFolder(async (folder) => {
    const items = await pictures(join(folder, 'images'), 3);
    const net = join(folder, 'net.safetensors');
    await randomBackbone(net, small({}));
    await change(net);
    const out = join(folder, 'out');
    await rejects(
      extractFeatures(items, [net], { scales: [32], layers: ['fc7'], ...choice }, { out }),
      (error) => {
        check(error);
        return true;
      },
    );
    const left = await readdir(folder, { recursive: true });
    deepEqual(
      left.filter((name) => name.endsWith('.arrow')),
      [],
    );
  });

describe('descriptors that are not finite', () => {
  it('end a run with a net whose finite weights overflow, naming net and image', () =>
    failing(
      (path) => overwritten(path, (value) => value * 1e30, ['conv1_1.weight', 'conv2_1.weight']),
      {},
      (error) => {
        ok(error instanceof VerydeepError);
        match(
          error.message,
          /The descriptor of .*\.png by the net A \(SHA-256 [0-9a-f]{8}\) holds (NaN|-?Infinity)/,
        );
      },
    ));

  it('end a run with a net whose weights are not finite, naming the tensor', () =>
    failing(
      (path) => overwritten(path, (value, i) => (i === 7 ? NaN : value), ['fc7.weight']),
      {},
      (error) => {
        ok(error instanceof UsageError);
        match(error.message, /finite numbers in the tensor fc7\.weight of .*net\.safetensors/);
      },
    ));

  it('end a run whose descriptors are beyond half precision', () =>
    failing(
      (path) => overwritten(path, (value) => value * 1e8, ['conv1_1.weight']),
      { store: 'float16', descriptorNorm: 'none' },
      (error) => {
        ok(error instanceof VerydeepError);
        match(error.message, /more than half precision can\. Give store float32/);
      },
    ));
});
