// The compiled module of the dual solver is what its AssemblyScript source compiles to, byte for byte.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, withFolder } from '../../support.js';
import { run } from '../python.js';

describe('solver.wasm', function () {
  this.timeout(120_000);

  it('is rebuilt from its source to the bytes that are committed', () =>
    withFolder(async (folder) => {
      const made = join(folder, 'solver.wasm');
      await run(process.execPath, [join(root, 'scripts', 'build-solver.mjs'), made]);
      assert.deepEqual(await readFile(made), await readFile(join(root, 'src/classifiers/solver.wasm')));
    }));
});
