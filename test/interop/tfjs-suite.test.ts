// The suite that tfjs ships for its own backends, run against the backends on ONNX Runtime and on libtorch.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from '../support.js';
import { run, torchFolder } from './python.js';
import { bundleSuite } from './tfjs-suite/bundle.js';
import type { SpecResult } from './tfjs-suite/environment.js';
import { exclusions } from './tfjs-suite/exclusions.js';

type Backend = keyof typeof exclusions;

const isExcluded = (backend: Backend, { name }: SpecResult): boolean =>
  exclusions[backend].some((exclusion) => exclusion.name.test(name));

describe("tfjs's own suite", function () {
  this.timeout(600_000);

  const folder = join(root, '.cache', 'tfjs-suite');
  const bundle = join(folder, 'backend', 'suite.mjs');

  before(async () => {
    await mkdir(dirname(bundle), { recursive: true });
    await bundleSuite(bundle);
    // The backend's loops lie beside its folder.
    await copyFile(join(root, 'src/engine/onnxruntime/loops.wasm'), join(folder, 'loops.wasm'));
  });

  const settings: [Backend, string, NodeJS.ProcessEnv][] = [
    ['onnxruntime', 'as it is', {}],
    ['onnxruntime', 'with native kernels for tensors of any size', { VERYDEEP_SUITE_SMALL: '1' }],
    [
      'onnxruntime',
      'by the general path, without NCHWc',
      { VERYDEEP_SUITE_SMALL: '1', VERYDEEP_BLOCK_SIZE: '0' },
    ],
    ['torch', 'on the CPU', {}],
  ];
  for (const [backend, name, environment] of settings) {
    it(`passes on the backend ${backend} ${name}, but for the specs that are excluded with a reason`, async () => {
      const resultsFile = join(folder, 'results.json');
      await run(process.execPath, [bundle], {
        env: {
          ...environment,
          ...(backend === 'torch' && { VERYDEEP_TORCH: await torchFolder() }),
          VERYDEEP_SUITE_BACKEND: backend,
          VERYDEEP_SUITE_RESULTS: resultsFile,
        },
      });
      const results = JSON.parse(await readFile(resultsFile, 'utf8')) as SpecResult[];
      const passed = results.filter(({ status }) => status === 'passed').length;
      const failed = results.filter(({ status }) => status === 'failed');
      const unexpected = failed.filter((result) => !isExcluded(backend, result));
      process.stdout.write(
        `      ${passed} specs pass, ${failed.length - unexpected.length} excluded ones fail\n`,
      );
      assert.deepEqual(
        unexpected.map((result) => `${result.name}: ${result.message}`),
        [],
      );
      assert.ok(passed > 3400, `only ${passed} specs ran`);
    });
  }
});
