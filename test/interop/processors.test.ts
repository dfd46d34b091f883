// The paths for processors without AVX-512 and without AVX2, on processors emulated by qemu.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../support.js';
import { run } from './python.js';
import type { StepReport } from './processors/step.js';

const script = join(root, 'dist/test/interop/processors/step.js');
const train = async (
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<StepReport> => JSON.parse(await run(program, [...args, script], { env })) as StepReport;

const hasQemu = spawnSync('qemu-x86_64', ['--version']).status === 0;

describe('processors', function () {
  this.timeout(600_000);
  let here: StepReport;

  before(async () => {
    here = await train(process.execPath, []);
  });

  const agree = (other: StepReport): void => {
    for (const key of ['losses', 'weights'] as const)
      other[key].forEach((value, i) =>
        assert.ok(Math.abs(value - here[key][i]!) < 1e-4, `${key} ${i}: ${value}`),
      );
  };

  it('learns the same by the general path, without blocked convolutions', async () => {
    const general = await train(process.execPath, [], { VERYDEEP_BLOCK_SIZE: '0' });
    assert.equal(general.blockSize, 0);
    agree(general);
    assert.ok(general.losses[2]! < general.losses[0]!);
  });

  const emulated: [string, string, number][] = [
    ['Haswell', 'AVX2', 8],
    ['Nehalem', 'SSE4.2', 8],
  ];
  for (const [processor, instructions, blockSize] of emulated) {
    it(`learns the same on ${processor} (${instructions}), emulated`, async function () {
      if (!hasQemu) {
        assert.ok(!process.env['CI'], 'qemu-x86_64 is missing: .ci/run must install qemu-user');
        process.stdout.write('      skipped: qemu-x86_64 is missing (Debian: apt-get install qemu-user)\n');
        this.skip();
      }
      if (process.arch !== 'x64') this.skip();
      const other = await train('qemu-x86_64', ['-cpu', processor, process.execPath, '--jitless']);
      agree(other);
      assert.equal(other.blockSize, blockSize);
    });
  }
});
