// --provider webgpu gives the descriptors of the processor: on SwiftShader, the software GPU that Debian's chromium brings.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../support.js';
import { run } from './python.js';
import type { WebgpuReport } from './webgpu/extract.js';

const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';

describe('webgpu', function () {
  this.timeout(300_000);

  it('describes images as the processor does, by the same recipe, on SwiftShader', async function () {
    if (!existsSync(driver)) {
      assert.ok(!process.env['CI'], `${driver} is missing: .ci/run must install chromium`);
      process.stdout.write(`      skipped: ${driver} is missing (Debian: apt-get install chromium)\n`);
      this.skip();
    }
    const script = join(root, 'dist/test/interop/webgpu/extract.js');
    // The folder also holds the Vulkan loader.
    const env = { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: dirname(driver) };
    const { cpu, webgpu } = JSON.parse(await run(process.execPath, [script], { env })) as WebgpuReport;
    assert.deepEqual([cpu.engine, webgpu.engine], ['onnxruntime cpu', 'onnxruntime webgpu']);
    assert.equal(webgpu.hash, cpu.hash);
    for (const [layer, values] of Object.entries(cpu.layers)) {
      const other = webgpu.layers[layer]!;
      assert.equal(other.length, values.length);
      const difference = Math.max(...values.map((value, i) => Math.abs(value - other[i]!)));
      assert.ok(difference < 1e-5, `${layer}: ${difference}`);
      assert.notDeepEqual(other, values, 'rounded in another order: another machinery computed them');
    }
  });
});
