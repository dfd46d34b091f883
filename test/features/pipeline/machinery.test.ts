import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeLibrary } from '../../../src/engine/ort.js';
import { UsageError, VerydeepError } from '../../../src/errors.js';
import { type ExtractOptions, extractFeatures } from '../../../src/features/pipeline/extract.js';
import type { RecipeChoice } from '../../../src/features/recipe/recipe.js';
import { withFolder } from '../../support.js';
import { pictures, randomBackbone, small } from '../nets.js';

/** The error of an extraction, after which there may be neither descriptors nor a quantised net. */
const errorOf = (choice: RecipeChoice, options: Omit<ExtractOptions, 'out'>): Promise<Error> =>
  withFolder(async (folder) => {
    const items = await pictures(join(folder, 'images'), 3);
    const net = join(folder, 'net.safetensors');
    await randomBackbone(net, small({}));
    const out = join(folder, 'out');
    const error = await extractFeatures(items, [net], { scales: [32], ...choice }, { out, ...options }).then(
      () => assert.fail('it should have failed'),
      (reason: unknown) => reason as Error,
    );
    const left = await readdir(folder, { recursive: true });
    assert.deepEqual(
      left.filter((name) => name.endsWith('.arrow') || name.includes('.int8')),
      [],
    );
    return error;
  });

describe('machinery that cannot compute', () => {
  for (const [precision, options, message] of [
    ['int8', { provider: 'cuda' }, /precision int8 runs on the CPU only: leave out provider cuda\./],
    ['int8', { engine: 'tensorflow' }, /precision int8 needs ONNX Runtime: leave out engine tensorflow\./],
    [
      'fp32',
      { engine: 'tensorflow', provider: 'webgpu' },
      /provider webgpu needs ONNX Runtime: leave out engine tensorflow\./,
    ],
  ] as const)
    it(`refuses ${precision} with ${JSON.stringify(options)} before anything is computed`, async () => {
      const error = await errorOf({ precision }, options);
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
    });

  it("says what CUDA needs where ONNX Runtime's libraries for it are missing", async function () {
    const folder = dirname(describeLibrary().path);
    if (existsSync(join(folder, 'libonnxruntime_providers_cuda.so'))) this.skip();
    const error = await errorOf({}, { provider: 'cuda' });
    assert.ok(error instanceof VerydeepError);
    assert.match(
      error.message,
      /^Cannot use provider cuda: (?!\/).+\. It needs an NVIDIA GPU with its driver, CUDA, cuDNN 9/,
    );
    assert.match(error.message, /onnxruntime-node\/script\/install\.js.*; or use provider cpu\.$/);
  });
});
