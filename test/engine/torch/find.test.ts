import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findTorch, isFound } from '../../../src/engine/torch/find.js';
import { withFolder } from '../../support.js';

const name = { darwin: 'libtorch_cpu.dylib', win32: 'torch_cpu.dll' }[process.platform as string];
const library = name ?? 'libtorch_cpu.so';

/** A folder in which libtorch's library lies at `path`. */
const withLibrary = async (folder: string, ...path: string[]): Promise<string> => {
  await mkdir(join(folder, ...path), { recursive: true });
  await writeFile(join(folder, ...path, library), '');
  return join(folder, ...path);
};

describe('finding libtorch', () => {
  it('takes the folder of VERYDEEP_TORCH: of the libraries, of the package, of the zip, of an environment', () =>
    withFolder(async (folder) => {
      const places = [[], ['lib'], ['torch', 'lib'], ['lib', 'python3.12', 'site-packages', 'torch', 'lib']];
      for (const [i, path] of places.entries()) {
        const root = join(folder, String(i));
        const lies = await withLibrary(root, ...path);
        const tried = findTorch({ VERYDEEP_TORCH: root, VIRTUAL_ENV: '/elsewhere' });
        assert.deepEqual(tried, [{ folder: lies, library: join(lies, library), from: 'VERYDEEP_TORCH' }]);
      }
    }));

  it('says that there is nothing in the folder, and looks nowhere else', () =>
    withFolder(async (folder) => {
      const environment = join(folder, 'environment');
      await withLibrary(environment, 'lib', 'python3.12', 'site-packages', 'torch', 'lib');
      for (const [given, reason] of [
        [folder, `there is no ${library} in ${folder}`],
        [join(folder, 'gone'), `there is no ${join(folder, 'gone')}`],
      ] as const) {
        const tried = findTorch({ VERYDEEP_TORCH: given, VIRTUAL_ENV: environment });
        assert.deepEqual(tried, [{ from: 'VERYDEEP_TORCH', reason }]);
      }
    }));

  it('takes the active environment, then conda, then asks Python', function () {
    if (process.platform === 'win32') this.skip();
    return withFolder(async (folder) => {
      const packages = ['lib', 'python3.11', 'site-packages', 'torch', 'lib'];
      const [active, conda, asked] = ['active', 'conda', 'asked'].map((each) => join(folder, each));
      await withLibrary(active!, ...packages);
      await withLibrary(conda!, ...packages);
      await withLibrary(asked!, 'torch', 'lib');
      // A stand-in that answers as the question to Python would be.
      const python = join(folder, 'python');
      const answering = async (answer: string): Promise<void> => {
        await writeFile(python, `#!/bin/sh\necho "${answer}"\n`);
        await chmod(python, 0o755);
      };
      const from = (environment: NodeJS.ProcessEnv): string | undefined =>
        findTorch(environment, python).find(isFound)?.from;
      await answering(join(asked!, 'torch'));
      assert.equal(from({ VIRTUAL_ENV: active!, CONDA_PREFIX: conda! }), 'VIRTUAL_ENV');
      assert.equal(from({ VIRTUAL_ENV: join(folder, 'empty'), CONDA_PREFIX: conda! }), 'CONDA_PREFIX');
      assert.equal(from({}), python);
      await answering('');
      assert.deepEqual(findTorch({}, python), [{ from: python, reason: `${python} has no package torch` }]);
      const gone = join(folder, 'gone');
      assert.deepEqual(findTorch({}, gone), [{ from: gone, reason: `${gone} cannot be run` }]);
    });
  });
});
