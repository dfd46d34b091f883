import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../src/errors.js';
import { loadModel, saveModel } from '../../src/classifiers/model-file.js';
import type { LinearModel } from '../../src/classifiers/model.js';
import { writeSafetensors } from '../../src/formats/safetensors.js';
import { withFolder } from '../support.js';

const model: LinearModel = {
  classes: ['cat', 'süß "dog"'],
  weights: { rows: 2, columns: 3, data: Float32Array.of(1, -2, 0.5, 1e-30, 3, -0) },
  biases: Float32Array.of(0.25, -1),
  C: [1, 10],
  loss: 'hinge',
  bias: 'augmented',
  solver: 'dual',
  certificates: [1, 2].map((primal) => ({
    primal,
    dual: primal - 1e-5,
    gap: 1e-5,
    converged: true,
    supportVectors: 2,
    updates: 7,
  })),
  notes: ['a remark'],
  recipe: 'abc',
  sigmoids: [
    { a: -1, b: 0.5 },
    { a: -2, b: 0 },
  ],
};

describe('model files', () => {
  it('hold a model exactly, in the same bytes each time', () =>
    withFolder(async (folder) => {
      const [a, b] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
      await saveModel(a, model);
      await saveModel(b, model);
      assert.deepEqual(await loadModel(a), model);
      assert.deepEqual(await readFile(a), await readFile(b));
    }));

  it('that are cut short, of another kind or of other shapes are refused by name', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'm.safetensors');
      const refused = (pattern: RegExp) =>
        assert.rejects(
          loadModel(path),
          (error: Error) =>
            error instanceof UsageError && error.message.includes(path) && pattern.test(error.message),
        );
      await saveModel(path, model);
      const bytes = await readFile(path);
      await writeFile(path, bytes.subarray(0, bytes.length - 5));
      await refused(/bytes/);
      await writeSafetensors(path, {}, [{ name: 'weight', shape: [1], data: new Float32Array(1) }]);
      await refused(/no verydeep-svm/);
      await saveModel(path, { ...model, classes: ['one'] });
      await refused(/weight of 1 rows/);
      await saveModel(path, { ...model, biases: Float32Array.of(1) });
      await refused(/bias of 2 numbers/);
    }));
});
