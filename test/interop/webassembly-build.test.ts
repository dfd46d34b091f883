// The compiled WebAssembly modules are what their AssemblyScript sources compile to, byte for byte.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, withFolder } from '../support.js';
import { run } from './python.js';

const modules = {
  'build-solver.mjs': 'src/classifiers/solver.wasm',
  'build-loops.mjs': 'src/engine/backend/loops.wasm',
  'build-enlarge.mjs': 'src/images/enlarge.wasm',
};

describe('WebAssembly', function () {
  this.timeout(120_000);

  for (const [script, module] of Object.entries(modules))
    it(`${module} is rebuilt by ${script} to the bytes that are committed`, () =>
      withFolder(async (folder) => {
        const made = join(folder, 'made.wasm');
        await run(process.execPath, [join(root, 'scripts', script), made]);
        assert.deepEqual(await readFile(made), await readFile(join(root, module)));
      }));
});
