import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describeLibrary } from '../../src/engine/ort.js';
import { verydeep, withFolder } from '../support.js';

interface Report {
  readonly chosen: string | null;
  readonly threads: number;
  readonly int8: { readonly bits: number };
  readonly engines: readonly { name: string; available: boolean; notes: string[]; fix?: string }[];
}

const clean = { VERYDEEP_ENGINE: '', VERYDEEP_ONNXRUNTIME: '', NODE_PATH: '' };

describe('verydeep doctor', () => {
  it('says which engine computes, why the other does not, and what int8 can do', async () => {
    const { code, stdout } = await verydeep(['doctor'], { env: clean });
    assert.equal(code, 0);
    assert.match(stdout, /^\* (onnxruntime|tensorflow) [\d.]+: chosen by --engine auto$/m);
    assert.match(stdout, /(fast|general) convolution: /);
    assert.match(stdout, /^\d+\.\d+ GB of memory are free \(.+\)$/m);
    assert.match(stdout, /--precision int8: .*[78]-bit weights/);
  });

  it('gives the same as JSON', async () => {
    const { stdout } = await verydeep(['doctor', '--json'], { env: clean });
    const report = JSON.parse(stdout) as Report;
    assert.equal(report.threads, availableParallelism());
    assert.ok([7, 8].includes(report.int8.bits));
    assert.deepEqual(
      report.engines.map(({ name }) => name),
      ['onnxruntime', 'tensorflow', 'torch'],
    );
  });

  it('names the file, the reason and the fix where ONNX Runtime cannot be loaded, and ends with 1', () =>
    withFolder(async (folder) => {
      const broken = join(folder, 'libonnxruntime.so');
      await writeFile(broken, 'not a library');
      const whole = await readFile(describeLibrary().path);
      const cut = join(folder, 'libonnxruntime.so.1');
      await writeFile(cut, whole.subarray(0, 100_000));
      for (const [path, reason] of [
        [join(folder, 'nowhere.so'), /nowhere\.so of VERYDEEP_ONNXRUNTIME does not exist/],
        [broken, /libonnxruntime\.so: /],
        ...(process.platform === 'linux'
          ? [[cut, new RegExp(`is cut off: ${whole.length - 100_000} bytes are missing`)] as const]
          : []),
      ] as const) {
        const env = { ...clean, VERYDEEP_ONNXRUNTIME: path, CUDA_VISIBLE_DEVICES: '-1' };
        const { code, stdout, stderr } = await verydeep(['doctor', '--json'], { env });
        const [onnxruntime] = (JSON.parse(stdout) as Report).engines;
        assert.equal(onnxruntime!.available, false);
        assert.match(onnxruntime!.notes.join(), reason);
        assert.match(onnxruntime!.fix!, /point VERYDEEP_ONNXRUNTIME at a library .*, or unset it/);
        assert.equal(stderr, '');
        assert.equal(code, 1);
      }
    }));
});
