// Backbone files of half the size: the nearest halves, everything else as it was, and a backbone again by an import.
import assert from 'node:assert/strict';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hfround } from '@petamoriken/float16';
import { architecture } from '../../../../src/backbone/nets/architecture.js';
import { openBackbone, saveBackbone } from '../../../../src/backbone/nets/backbone.js';
import { digestOf, digestSet } from '../../../../src/backbone/nets/digests.js';
import { exportWeights } from '../../../../src/backbone/weights/exporters/export.js';
import { importWeights } from '../../../../src/backbone/weights/importers/import.js';
import { Random } from '../../../../src/random.js';
import { sizeFromShape } from '../../../../src/shape.js';
import { withFolder } from '../../../support.js';

const net = architecture({
  config: 'A',
  width: 1 / 16,
  blocks: 2,
  inputSize: 8,
  fullyConnected: 16,
  outputs: 3,
});
const metadata = {
  format: 1,
  architecture: net,
  input: { order: 'rgb', scale: 1, mean: [110, 111, 112], std: [60, 61, 62], interpolation: 'lanczos3' },
  classes: ['a', 'b', 'c, d'],
  training: { epochs: 3 },
} as const;

/** A net with numbers of every size that a half can hold, and below. */
const writeNet = async (path: string, largest = 1000): Promise<void> => {
  const random = new Random('half');
  const numbers = (count: number) =>
    Float32Array.from({ length: count }, () => random.normal() * 10 ** (-9 + 9 * random.uniform()));
  const seen = {
    training: digestSet(['11', '22'].map((pair) => digestOf(pair.repeat(32)))),
    validation: digestSet([digestOf('33'.repeat(32))]),
    incomplete: false,
  };
  await saveBackbone(
    path,
    metadata,
    (name, shape) => {
      const values = numbers(sizeFromShape(shape));
      if (name === 'fc8.bias') values[0] = largest;
      return values;
    },
    seen,
  );
};

describe('weights export --format float16', () => {
  it('rounds to the nearest halves, keeps the rest, and an import makes a backbone of it', () =>
    withFolder(async (folder) => {
      const [path, half, back] = ['a', 'half', 'back'].map((name) => join(folder, `${name}.safetensors`));
      await writeNet(path!);
      assert.deepEqual(await exportWeights(path!, 'float16', half!), [half]);
      const [whole, small] = [(await stat(path!)).size, (await stat(half!)).size];
      assert.ok(small < 0.65 * whole, `${small} of ${whole} bytes`);

      await assert.rejects(openBackbone(half!), /float32 numbers .*half\.safetensors.*F16.*weights import/s);
      await importWeights(half!, back!);
      const [first, second] = [await openBackbone(path!), await openBackbone(back!)];
      for (const name of first.tensors.keys()) {
        const wanted = (await first.read(name)).map((value) => hfround(value));
        assert.deepEqual(await second.read(name), wanted, name);
      }
      const { source, ...rest } = second.metadata;
      assert.deepEqual(rest, first.metadata);
      assert.equal(source?.['format'], 'verydeep');
      assert.deepEqual(await second.seen(), await first.seen());

      const again = join(folder, 'again.safetensors');
      await importWeights(half!, again, { force: true });
      assert.deepEqual(await readFile(again), await readFile(back!));
    }));

  it('refuses numbers that no half can hold, and leaves nothing behind', () =>
    withFolder(async (folder) => {
      await writeNet(join(folder, 'a.safetensors'), 70_000);
      await assert.rejects(
        exportWeights(join(folder, 'a.safetensors'), 'float16', join(folder, 'half.safetensors')),
        /at most 65504 \(float16\).*fc8\.bias.*70000/s,
      );
      assert.deepEqual(await readdir(folder), ['a.safetensors']);
    }));
});
