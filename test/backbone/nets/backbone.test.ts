// Backbone files: saved, opened, and refused with the name of the tensor and both shapes when they do not fit.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../../src/errors.js';
import { sha256 } from '../../../src/io/files.js';
import { architecture, weightShapes } from '../../../src/backbone/nets/architecture.js';
import { type BackboneMetadata, openBackbone, saveBackbone } from '../../../src/backbone/nets/backbone.js';
import { openSafetensors, writeSafetensors } from '../../../src/formats/safetensors.js';
import { withFolder } from '../../support.js';
import { sizeFromShape } from '../../../src/shape.js';

const net = architecture({ config: 'A', width: 1 / 16, inputSize: 32, fullyConnected: 8, outputs: 3 });

const metadata: BackboneMetadata = {
  format: 1,
  architecture: net,
  input: { order: 'rgb', scale: 1 / 255, mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] },
  classes: ['cat', 'dog'],
  superclasses: ['animal'],
  source: { format: 'test' },
};

/** Numbers that tell tensors and places apart. */
const ramp = (name: string, shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: sizeFromShape(shape) }, (_, i) => name.length + i / 7);

const refused = (path: string, ...words: string[]) =>
  rejects(openBackbone(path), (error) => {
    ok(error instanceof UsageError, String(error));
    for (const word of [path, ...words]) ok(error.message.includes(word), `${word} in: ${error.message}`);
    return true;
  });

describe('backbone file', () => {
  it('gives back metadata and every tensor, the same bytes each time, whole or in pieces', () =>
    withFolder(async (folder) => {
      const [first, second] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
      await saveBackbone(first, metadata, ramp);
      await saveBackbone(second, metadata, async function* (name, shape) {
        const numbers = ramp(name, shape);
        for (let i = 0; i < numbers.length; i += 1000)
          yield await Promise.resolve(numbers.slice(i, i + 1000));
      });
      const bytes = await readFile(first);
      deepEqual(bytes, await readFile(second));
      const backbone = await openBackbone(first);
      deepEqual(backbone.metadata, metadata);
      equal(await backbone.sha256(), sha256(bytes));
      for (const [name, shape] of weightShapes(net)) {
        const { offset, length } = backbone.tensors.get(name)!;
        const numbers = await backbone.read(name);
        deepEqual(numbers, ramp(name, shape), name);
        const inFile = bytes.subarray(offset, offset + length);
        deepEqual(inFile, Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength), name);
      }
    }));

  it('names the tensor, the expected and the received shape when they differ', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      const wider = { ...metadata, architecture: { ...net, width: 1 / 8 } };
      await saveBackbone(path, metadata, ramp);
      const saved = await openSafetensors(path);
      const entries = [...saved.tensors].map(([name, { shape }]) => ({
        name,
        shape,
        data: ramp(name, shape),
      }));
      await saved.close();
      const write = (value: unknown, list = entries) =>
        writeSafetensors(path, { verydeep: JSON.stringify(value) }, list);
      await write(wider);
      await refused(path, 'conv1_1.weight', '[8,3,3,3]', '[4,3,3,3]', 'width 0.125');
      await write(metadata, entries.slice(0, -1));
      await refused(path, 'fc8.bias', '[3]', 'no such tensor');
      await write(metadata, [...entries, { name: 'more', shape: [1], data: new Float32Array(1) }]);
      await refused(path, 'the tensor more');
    }));

  it('refuses a file that is cut short, or of no known kind', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      await saveBackbone(path, metadata, ramp);
      const bytes = await readFile(path);
      await writeFile(path, bytes.subarray(0, bytes.length - 1));
      await refused(path, 'cut short');
      await writeFile(path, bytes.subarray(0, 100));
      await refused(path, 'cut short');
      await writeFile(path, 'hello, I am a text file');
      await refused(path, 'Expected a safetensors file');
      await writeSafetensors(path, {}, [{ name: 'w', shape: [1], data: Float32Array.of(1) }]);
      await refused(path, 'tensors w', 'weights import');
    }));

  const wrong: [string, unknown, ...string[]][] = [
    ['another format', { ...metadata, format: 2 }, 'format 1'],
    ['a wrong configuration', { ...metadata, architecture: { ...net, config: 'F' } }, 'A-LRN', '"F"'],
    ['a missing architecture', { ...metadata, architecture: undefined }, 'architecture'],
    [
      'a wrong channel order',
      { ...metadata, input: { ...metadata.input, order: 'gbr' } },
      'input.order',
      'gbr',
    ],
    ['two means', { ...metadata, input: { ...metadata.input, mean: [1, 2] } }, 'input.mean', '[1,2]'],
    ['a zero deviation', { ...metadata, input: { ...metadata.input, std: [1, 0, 1] } }, 'input.std'],
    ['too few class names', { ...metadata, classes: ['cat'] }, '3 class names', 'received 2'],
    ['class names that are numbers', { ...metadata, classes: [1, 2] }, 'classes'],
  ];
  for (const [what, value, ...words] of wrong) {
    it(`refuses ${what} in the metadata`, () =>
      withFolder(async (folder) => {
        const path = join(folder, 'x.safetensors');
        await writeSafetensors(
          path,
          { verydeep: JSON.stringify(value) },
          [...weightShapes(net)].map(([name, shape]) => ({ name, shape, data: ramp(name, shape) })),
        );
        await refused(path, ...words);
        await rejects(saveBackbone(path, value as BackboneMetadata, ramp), UsageError);
      }));
  }
});
