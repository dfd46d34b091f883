// Recipes: the paper's by name, completed and checked; the hash changes with everything that changes numbers.
import assert from 'node:assert/strict';
import { toStored } from '../../../src/stored.js';
import { UsageError } from '../../../src/errors.js';
import {
  type Recipe,
  describeRecipe,
  descriptorLength,
  recipeHash,
  resolveRecipe,
  scaleFor,
} from '../../../src/features/recipe/recipe.js';

const net = { sha256: 'a'.repeat(64), config: 'D' };

describe('features/recipe', () => {
  it("has the paper's recipes, with the lengths of the paper", () => {
    const voc = resolveRecipe({ name: 'voc' }, 224);
    assert.deepEqual(voc.scales, [256, 384, 512, 640, 768]);
    assert.equal(voc.aggregate, 'average');
    assert.equal(descriptorLength(voc, 4096), 4096);
    const caltech = resolveRecipe({ name: 'caltech' }, 224);
    assert.deepEqual(caltech.scales, [256, 384, 512]);
    assert.equal(descriptorLength(caltech, 4096), 12288);
    assert.equal(2 * descriptorLength(resolveRecipe({ name: 'action' }, 224), 4096), 16384);
  });

  it('makes scales relative to the input of the net, unless they are given', () => {
    assert.deepEqual(resolveRecipe({}, 64).scales, [73, 110, 146]);
    assert.deepEqual(resolveRecipe({ scales: [80, 64, 80] }, 64).scales, [64, 80]);
    assert.equal(scaleFor(32, 256), 37);
  });

  it('hashes everything that decides the numbers, and nothing else', () => {
    const base = resolveRecipe({}, 224);
    const hash = recipeHash(base, [net]);
    assert.match(hash, /^[0-9a-f]{16}$/);
    assert.equal(recipeHash(resolveRecipe({ scales: [512, 256, 384] }, 224), [net]), hash);
    const changes: Partial<Recipe>[] = [
      { layers: ['fc6'] },
      { scales: [256] },
      { aggregate: 'max' },
      { flip: false },
      { descriptorNorm: 'none' },
      { region: 'box' },
      { region: 'crops' },
      { region: 'crops', crops: 5 },
      { interpolation: 'cubic' },
      { orient: true },
      { precision: 'int8' },
      { store: 'float16' },
    ];
    const hashes = changes.map((change) => recipeHash(resolveRecipe(change, 224), [net]));
    hashes.push(recipeHash(base, [{ ...net, sha256: 'b'.repeat(64) }]), recipeHash(base, [net, net]));
    assert.equal(new Set([hash, ...hashes]).size, changes.length + 3);
  });

  it('refuses what does not fit, and names the option', () => {
    const refuse = (choice: object, pattern: RegExp): void =>
      assert.throws(
        () => resolveRecipe(choice, 224),
        (error: Error) => error instanceof UsageError && pattern.test(error.message),
      );
    refuse({ scales: [0] }, /scales but received 0/);
    refuse({ scales: [] }, /scales/);
    refuse({ scales: [200] }, /at least 224 for scales but received 200.*fully-connected/);
    refuse({ layers: [] }, /layer/);
    refuse({ interpolation: 'sharpest' }, /interpolation but received "sharpest"/);
    refuse({ aggregate: 'median' }, /aggregate but received "median"/);
    refuse({ region: 'crops', crops: 0 }, /crops/);
    refuse({ name: 'best' }, /recipe but received "best"/);
    assert.deepEqual(resolveRecipe({ layers: ['conv5'], scales: [50] }, 224).scales, [50]);
  });

  it("takes the interpolation of the nets' training where none is named", () => {
    assert.equal(resolveRecipe({}, 224).interpolation, 'lanczos3');
    assert.equal(resolveRecipe({}, 224, 'linear').interpolation, 'linear');
    assert.equal(resolveRecipe({ interpolation: 'mitchell' }, 224, 'linear').interpolation, 'mitchell');
  });

  it('takes the option that says how descriptors are normalised by its former name too', () => {
    const [former, present] = [{ normalize: 'none' }, { descriptorNorm: 'none' }] as const;
    assert.deepEqual(resolveRecipe(former, 224), resolveRecipe(present, 224));
    assert.throws(() => resolveRecipe({ normalize: 'l1' as 'l2' }, 224), /for descriptorNorm .*"l1"/);
    // The hash of version 0.1: its recipes say `normalize`.
    const text = JSON.stringify(toStored(resolveRecipe(present, 224)));
    assert.match(text, /"flip":true,"normalize":"none","region"/);
  });

  it('hashes as version 0.1 did, whose recipes call the interpolation `kernel`', () => {
    // Computed by version 0.1.
    const old = { scales: [37], aggregate: 'stack', kernel: 'cubic' } as const;
    const recipe = resolveRecipe(old, 32);
    assert.equal(recipe.interpolation, 'cubic');
    assert.equal(recipeHash(recipe, [net]), '06afc80122b865dc');
  });

  it('can be printed', () => {
    const text = describeRecipe(resolveRecipe({ name: 'center-crop' }, 224));
    assert.match(text, /256 pixels on the smallest side, lanczos3/);
    assert.match(text, /centre crop/);
    assert.match(text, /left out/);
  });
});
