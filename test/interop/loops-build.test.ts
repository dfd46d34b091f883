// The compiled loops of the engine are what their AssemblyScript source compiles to, byte for byte.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, withFolder } from '../support.js';
import { run } from './python.js';

describe('loops.wasm', function () {
  this.timeout(120_000);

  it('is rebuilt from its source to the bytes that are committed', () =>
    withFolder(async (folder) => {
      const made = join(folder, 'loops.wasm');
      await run(process.execPath, [join(root, 'scripts', 'build-loops.mjs'), made]);
      assert.deepEqual(await readFile(made), await readFile(join(root, 'src/engine/backend/loops.wasm')));
    }));
});
