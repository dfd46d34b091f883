// Interpolations by name, and files: they call the interpolation `kernel`, as version 0.1 did; both names are read.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openBackbone, saveBackbone } from '../src/backbone/nets/backbone.js';
import { noteOf, readNote } from '../src/backbone/nets/note.js';
import { openCheckpoint, startState, writeCheckpoint } from '../src/backbone/training/checkpoint.js';
import { loadModel, saveModel } from '../src/classifiers/model-file.js';
import type { LinearModel } from '../src/classifiers/model.js';
import { resolveRecipe } from '../src/features/recipe/recipe.js';
import { openPart } from '../src/features/store/part.js';
import { writePart } from '../src/features/store/writer.js';
import { openSafetensors, writeSafetensors } from '../src/formats/safetensors.js';
import { isInterpolation } from '../src/interpolation.js';
import { fromStored, toStored } from '../src/stored.js';
import { lengths, metadata, rows } from './features/stores.js';
import { randomBackbone, small } from './features/nets.js';
import { withFolder } from './support.js';

/** What a safetensors file's metadata says under a key. */
const saidBy = async (path: string, key: string): Promise<string> => {
  const file = await openSafetensors(path);
  await file.close();
  return file.metadata[key]!;
};

describe('interpolation', () => {
  it('is called kernel in files, at the same place among the keys', () => {
    const value = { a: 1, interpolation: 'cubic', b: 2 } as const;
    assert.equal(JSON.stringify(toStored(value)), '{"a":1,"kernel":"cubic","b":2}');
    assert.equal(JSON.stringify(fromStored(toStored(value))), JSON.stringify(value));
    assert.deepEqual(fromStored(value), value);
    assert.deepEqual(toStored({ a: 1 }), { a: 1 });
    assert.equal(JSON.stringify(toStored({ descriptorNorm: 'l2', a: 1 })), '{"normalize":"l2","a":1}');
    assert.deepEqual(fromStored({ normalize: 'l2' }), { descriptorNorm: 'l2' });
    assert.ok(isInterpolation('linear') && !isInterpolation('bilinear') && !isInterpolation(undefined));
  });

  it('in a backbone file and in the note of its exports', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'net.safetensors');
      const backbone = await randomBackbone(path, small(), 1, { interpolation: 'linear' });
      assert.equal(backbone.metadata.input.interpolation, 'linear');
      const text = await saidBy(path, 'verydeep');
      assert.match(text, /"std":\[60,61,62\],"kernel":"linear"\}/);
      const note = noteOf(backbone.metadata);
      assert.match(note, /"kernel":"linear"/);
      assert.deepEqual(readNote('x', note).input, backbone.metadata.input);
      const file = await openSafetensors(path);
      const entries = [...file.tensors].map(([name, { shape }]) => ({
        name,
        shape,
        data: () => backbone.read(name),
      }));
      await file.close();
      const again = join(folder, 'again.safetensors');
      for (const [key, name, said] of [
        ['interpolation', 'cubic', 'cubic'],
        ['kernel', 'lanczos2', 'lanczos2'],
      ] as const) {
        await writeSafetensors(
          again,
          { verydeep: text.replace('"kernel":"linear"', `"${key}":"${name}"`) },
          entries,
        );
        assert.equal((await openBackbone(again)).metadata.input.interpolation, said);
        const wrong = text.replace('"kernel":"linear"', `"${key}":"bilinear"`);
        await writeSafetensors(again, { verydeep: wrong }, entries);
        await assert.rejects(
          openBackbone(again),
          new RegExp(`nearest, linear, .*input\\.${key} .*"bilinear"`),
        );
      }
      await assert.rejects(
        saveBackbone(
          again,
          { ...backbone.metadata, input: { ...backbone.metadata.input, interpolation: 'x' as 'cubic' } },
          () => new Float32Array(),
        ),
        /input\.interpolation/,
      );
    }));

  it('in a store', () =>
    withFolder(async (folder) => {
      const recipe = resolveRecipe({ layers: ['fc7', 'conv5:linear'], interpolation: 'mitchell' }, 224);
      const path = await writePart(folder, metadata(0, { recipe }), rows(2), lengths);
      const { metadata: read } = await openPart(path);
      assert.deepEqual(read.recipe, recipe);
    }));

  it('in a model', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      const recipe = resolveRecipe({ interpolation: 'cubic' }, 32);
      const model: LinearModel = {
        classes: ['a'],
        weights: { rows: 1, columns: 1, data: Float32Array.of(1) },
        biases: Float32Array.of(0),
        C: [1],
        loss: 'hinge',
        bias: 'augmented',
        solver: 'dual',
        certificates: [],
        notes: [],
        extraction: { stacks: [{ recipe, layer: 'fc7', nets: [] }] },
      };
      await saveModel(path, model);
      const text = await saidBy(path, 'verydeep-svm');
      assert.ok(text.includes('"kernel":"cubic"') && !text.includes('interpolation'), text);
      assert.deepEqual(await loadModel(path), model);
    }));

  it('in a checkpoint', () =>
    withFolder(async (folder) => {
      const input = {
        order: 'rgb',
        scale: 1,
        mean: [1, 2, 3],
        std: [1, 1, 1],
        interpolation: 'linear',
      } as const;
      const empty = { entries: () => [] };
      await writeCheckpoint(folder, empty, { format: 1, state: startState, input, options: {} });
      assert.match(
        await saidBy(join(folder, 'checkpoint.safetensors'), 'verydeepTraining'),
        /"kernel":"linear"/,
      );
      const checkpoint = (await openCheckpoint(folder))!;
      assert.deepEqual(checkpoint.header.input, input);
      await checkpoint.close();
    }));
});
