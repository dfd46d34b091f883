import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { withFolder } from '../support.js';

const engine = new URL('../../src/engine/engine.js', import.meta.url).href;
const program = `
  const { useEngine } = await import(${JSON.stringify(engine)});
  const engine = await useEngine({ engine: 'onnxruntime', threads: 1 });
  console.log(engine.tf.sum(engine.tf.ones([64, 128])).dataSync()[0]);
  engine.close();`;

describe('telemetry of ONNX Runtime', () => {
  it('is off: a computation leaves nothing in the home folder', () =>
    withFolder(async (home) => {
      const env: NodeJS.ProcessEnv = { ...process.env, HOME: home, XDG_CACHE_HOME: home };
      delete env['ORT_DISABLE_TELEMETRY'];
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', program],
        { env },
      );
      assert.equal(stdout.trim(), '8192');
      assert.deepEqual(await readdir(home), []);
    }));
});
