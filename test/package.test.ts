// What makes an installation need no more than the npm registry, and what to run where npm left a package out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBinary } from '../src/engine/koffi.js';
import { reinstall } from '../src/engine/reinstall.js';
import { VerydeepError } from '../src/errors.js';
import { root, withFolder } from './support.js';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean } | undefined>>;
}

describe('the package', () => {
  it("lets `npm ci` pass over onnxruntime-node's install script, which fetches CUDA files", () => {
    // npm 10 runs the scripts that the lock file announces; npm 11 and later heed allowScripts.
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
    const found = packages['node_modules/onnxruntime-node'];
    assert.ok(
      found && !('hasInstallScript' in found),
      'delete its "hasInstallScript" from package-lock.json',
    );
    const { allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      allowScripts: Record<string, boolean>;
    };
    assert.equal(allowScripts['onnxruntime-node'], false);
  });

  it('says in which folder npm completes an installation: the project, the clone, or none', () =>
    withFolder(async (folder) => {
      const inProject = `run "npm install --ignore-scripts --include=optional" in ${folder}`;
      const everywhere = 'run "npm install --global --ignore-scripts --include=optional verydeep"';
      const at = (...path: string[]) => reinstall(join(folder, ...path));
      const pnpm = ['node_modules', '.pnpm', 'verydeep@1', 'node_modules', 'verydeep'];
      await mkdir(join(folder, ...pnpm), { recursive: true });
      assert.equal(at('node_modules', 'verydeep'), everywhere);
      await writeFile(join(folder, 'package.json'), '{}');
      assert.equal(at('node_modules', 'verydeep'), inProject);
      assert.equal(at(...pnpm), inProject);
      assert.equal(reinstall(folder), inProject);
      assert.equal(
        reinstall(),
        `run "npm install --ignore-scripts --include=optional" in ${root.replace(/\/$/, '')}`,
      );
    }));

  it('says so too where the binary of koffi is missing, as in node_modules copied from another machine', () => {
    assert.throws(
      () =>
        loadBinary('koffi', () => {
          throw new Error('Cannot find the native Koffi module; did you bundle it correctly?');
        }),
      (error: Error) =>
        error instanceof VerydeepError &&
        /^Cannot load koffi, .*: Cannot find the native Koffi module\. To mend this, run "npm install/.test(
          error.message,
        ),
    );
  });
});
