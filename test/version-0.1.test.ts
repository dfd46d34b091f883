// Files that version 0.1 wrote are read, and its flags still work. The files and their generator: test/fixtures/version-0.1.
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { weightShapes } from '../src/backbone/nets/architecture.js';
import { openBackbone } from '../src/backbone/nets/backbone.js';
import { openFeatures } from '../src/features/store/reader.js';
import { openSafetensors } from '../src/formats/safetensors.js';
import { fixture, verydeep, withFolder } from './support.js';

const old = (...path: string[]): string => fixture('version-0.1', ...path);

/** Every weight of a backbone file, in the order of its names. */
const weightsOf = async (path: string): Promise<ReadonlyMap<string, Float32Array>> => {
  const { metadata } = await openBackbone(path);
  const file = await openSafetensors(path);
  const weights = new Map<string, Float32Array>();
  for (const name of weightShapes(metadata.architecture).keys()) weights.set(name, await file.read(name));
  await file.close();
  return weights;
};

const assertClose = (actual: Float32Array, expected: Float32Array, what: string): void => {
  assert.equal(actual.length, expected.length, what);
  const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  assert.ok(worst < 1e-5, `${what} differs by ${worst}`);
};

/** Flags as they were called in version 0.1. */
const train = [
  ...['train', 'folder', '--data', old('photos'), '--config', 'A', '--width', '0.03125', '--blocks', '2'],
  ...['--input-size', '16', '--fully-connected', '8', '--init', 'he', '--batch', '5', '--micro-batch', '3'],
  ...['--superclass-loss', '0', '--kernel', 'cubic', '--schedule', 'plateau', '--threads', '1'],
  ...['--workers', '1', '--seed', '3', '--quiet'],
];

describe('files of version 0.1', function () {
  this.timeout(60_000);

  it('a checkpoint goes on to the net that an uninterrupted run of version 0.1 gave', () =>
    withFolder(async (folder) => {
      const out = join(folder, 'net');
      await cp(old('checkpoint'), out, { recursive: true });
      const { code, stderr } = await verydeep([...train, '--epochs', '4', '--resume', '--out', out]);
      assert.equal(code, 0, stderr);
      const [now, then] = await Promise.all(
        [join(out, 'backbone.safetensors'), old('net', 'backbone.safetensors')].map(weightsOf),
      );
      assert.deepEqual([...now!.keys()], [...then!.keys()]);
      for (const [name, weights] of then!) assertClose(now!.get(name)!, weights, name);
    }));

  it('a backbone gives the descriptors of the store that version 0.1 wrote, under the same recipe', () =>
    withFolder(async (folder) => {
      const out = join(folder, 'store');
      const { code, stderr } = await verydeep([
        ...['extract', 'folder', '--data', old('photos'), '--backbone', old('net', 'backbone.safetensors')],
        ...['--scales', '18,22', '--threads', '1', '--quiet', '--out', out],
      ]);
      assert.equal(code, 0, stderr);
      const [now, then] = await Promise.all([openFeatures([out]), openFeatures([old('store')])]);
      assert.deepEqual(now.ids, then.ids);
      assert.equal(now.hash, then.hash);
      assertClose((await now.read('fc7')).data, (await then.read('fc7')).data, 'fc7');
    }));

  it('SVMs classify new images, and a store is evaluated', () =>
    withFolder(async (folder) => {
      const predicted = await verydeep([
        ...['predict', '--model', old('result', 'models', 'split-1.safetensors')],
        ...['--backbone', old('net', 'backbone.safetensors'), old('photos', 'bright', '5.png')],
        ...['--threads', '1', '--quiet', '--json'],
      ]);
      assert.equal(predicted.code, 0, predicted.stderr);
      assert.match(predicted.stdout, /"class": *"bright"/);
      const evaluated = await verydeep([
        ...['evaluate', 'folder', '--features', old('store'), '--train-per-class', '3', '--splits', '1'],
        ...['--threads', '1', '--quiet', '--json', '--out', join(folder, 'result')],
      ]);
      assert.equal(evaluated.code, 0, evaluated.stderr);
      assert.equal((JSON.parse(evaluated.stdout) as { images: number }).images, 12);
    }));
});
