// A library that is kept loaded stays mapped when its last user closes it; another does not.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const ort = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const library = join(ort, `bin/napi-v6/linux/${process.arch}/libonnxruntime.so.1`);
const module = new URL('../../src/engine/keep-loaded.js', import.meta.url).href;

/** Opens and closes the library in a process of its own; tells whether its code is still mapped. */
const staysMapped = async (keep: boolean): Promise<boolean> => {
  const program = `
    import { readFileSync } from 'node:fs';
    import koffi from 'koffi';
    import { keepLoaded } from ${JSON.stringify(module)};
    const c = koffi.load(null);
    const handle = c.func('void *dlopen(const char *path, int flags)')(${JSON.stringify(library)}, 2);
    if (handle === null) throw new Error('not opened');
    if (${keep}) keepLoaded(${JSON.stringify(library)});
    c.func('int dlclose(void *handle)')(handle);
    process.stdout.write(String(readFileSync('/proc/self/maps', 'utf8').includes('libonnxruntime')));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: dirname(ort),
  });
  return stdout === 'true';
};

describe('an addon that is kept loaded', function () {
  this.timeout(60_000);

  it('stays mapped when it is closed, and another does not', async function () {
    if (process.platform !== 'linux') this.skip();
    assert.equal(await staysMapped(false), false);
    assert.equal(await staysMapped(true), true);
  });
});
