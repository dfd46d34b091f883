// --provider webgpu and cuda give the descriptors of the processor: webgpu on SwiftShader, the software GPU that Debian's chromium
// brings; cuda where ONNX Runtime's CUDA libraries and an NVIDIA GPU are.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeLibrary } from '../../src/engine/ort.js';
import { mayHaveGpu } from '../../src/engine/tensorflow.js';
import { root } from '../support.js';
import type { ProvidersReport } from './providers/extract.js';
import { run } from './python.js';

const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';

const compare = async (provider: 'webgpu' | 'cuda', env: NodeJS.ProcessEnv): Promise<void> => {
  const script = join(root, 'dist/test/interop/providers/extract.js');
  const { cpu, other } = JSON.parse(
    await run(process.execPath, [script, provider], { env }),
  ) as ProvidersReport;
  assert.deepEqual([cpu.engine, other.engine], ['onnxruntime cpu', `onnxruntime ${provider}`]);
  assert.equal(other.hash, cpu.hash);
  for (const [layer, values] of Object.entries(cpu.layers)) {
    const found = other.layers[layer]!;
    assert.equal(found.length, values.length);
    const difference = Math.max(...values.map((value, i) => Math.abs(value - found[i]!)));
    assert.ok(difference < 1e-5, `${layer}: ${difference}`);
    assert.notDeepEqual(found, values, 'rounded in another order: another machinery computed them');
  }
};

describe('execution providers', function () {
  this.timeout(300_000);

  it('webgpu describes images as the processor does, by the same recipe, on SwiftShader', async function () {
    if (!existsSync(driver)) {
      assert.ok(!process.env['CI'], `${driver} is missing: .ci/run must install chromium`);
      process.stdout.write(`      skipped: ${driver} is missing (Debian: apt-get install chromium)\n`);
      this.skip();
    }
    // The folder also holds the Vulkan loader.
    await compare('webgpu', { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: dirname(driver) });
  });

  it('cuda does so on an NVIDIA GPU', async function () {
    const library = join(dirname(describeLibrary().path), 'libonnxruntime_providers_cuda.so');
    if (!mayHaveGpu() || !existsSync(library)) {
      process.stdout.write(`      skipped: no NVIDIA GPU, or ${library} is missing\n`);
      this.skip();
    }
    await compare('cuda', {});
  });
});
