// The compiled WebAssembly modules are what their AssemblyScript sources compile to, byte for byte.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, withFolder } from '../support.js';
import { run } from './python.js';

const modules = {
  solver: 'src/classifiers/solver.wasm',
  loops: 'src/engine/onnxruntime/loops.wasm',
  enlarge: 'src/images/enlarge.wasm',
};

describe('WebAssembly', function () {
  this.timeout(120_000);

  for (const [name, module] of Object.entries(modules))
    it(`${module} is rebuilt to the bytes that are committed`, () =>
      withFolder(async (folder) => {
        const made = join(folder, 'made.wasm');
        await run(process.execPath, [join(root, 'scripts/build-wasm.mjs'), name, made]);
        assert.deepEqual(await readFile(made), await readFile(join(root, module)));
      }));
});
