// A library of ONNX Runtime that is too old, as the C compiler makes one: it has no table of the functions that are asked for.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verydeep, withFolder } from '../support.js';
import { run } from './python.js';

const source = `
#include <stddef.h>
static const void *get(unsigned version) { return version <= 14 ? get : NULL; }
static const char *version(void) { return "1.14.0"; }
static const struct { const void *(*get)(unsigned); const char *(*version)(void); } base = { get, version };
const void *OrtGetApiBase(void) { return &base; }
`;

describe('an old library', function () {
  this.timeout(120_000);

  it('is named with its version and what to do', () =>
    withFolder(async (folder) => {
      const [text, library] = [join(folder, 'old.c'), join(folder, 'libonnxruntime.so.1.14.0')];
      await writeFile(text, source);
      await run('cc', ['-shared', '-fPIC', '-o', library, text]);
      const env = {
        VERYDEEP_ENGINE: '',
        VERYDEEP_ONNXRUNTIME: library,
        NODE_PATH: '',
        CUDA_VISIBLE_DEVICES: '-1',
      };
      const { code, stdout } = await verydeep(['doctor', '--json'], { env });
      const { engines } = JSON.parse(stdout) as {
        engines: { available: boolean; notes: string[]; fix?: string }[];
      };
      assert.equal(engines[0]!.available, false);
      assert.match(engines[0]!.notes.join(), /is version 1\.14\.0, which is too old/);
      assert.match(engines[0]!.fix!, /point VERYDEEP_ONNXRUNTIME at a library of version 1\.20/);
      assert.equal(code, 1);
    }));
});
