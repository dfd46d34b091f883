// The paths for processors without AVX-512 and without AVX2, on processors emulated by qemu.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../support.js';
import { run } from './python.js';
import type { Int8Report } from './processors/int8.js';
import type { WinogradReport } from './processors/winograd.js';
import type { StepReport } from './processors/step.js';

const script = join(root, 'dist/test/interop/processors/step.js');
const winogradScript = join(root, 'dist/test/interop/processors/winograd.js');
const int8Script = join(root, 'dist/test/interop/processors/int8.js');
const train = async (
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<StepReport> => JSON.parse(await run(program, [...args, script], { env })) as StepReport;

const hasQemu = spawnSync('qemu-x86_64', ['--version']).status === 0;

/** Skips the test where there is no emulator, but in CI. */
const needQemu = (test: Mocha.Context): void => {
  if (!hasQemu) {
    assert.ok(!process.env['CI'], 'qemu-x86_64 is missing: .ci/run must install qemu-user');
    process.stdout.write('      skipped: qemu-x86_64 is missing (Debian: apt-get install qemu-user)\n');
    test.skip();
  }
  if (process.arch !== 'x64') test.skip();
};

const emulateNode = (processor: string, ...args: readonly string[]): Promise<string> =>
  run('qemu-x86_64', ['-cpu', processor, process.execPath, ...args]);

/** Without a compiler, and so without WebAssembly. */
const emulate = (processor: string, ...args: readonly string[]): Promise<string> =>
  emulateNode(processor, '--jitless', ...args);

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

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

  it('learns the same by the general path, without NCHWc', async () => {
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
      needQemu(this);
      const other = JSON.parse(await emulate(processor, script)) as StepReport;
      agree(other);
      assert.equal(other.blockSize, blockSize);
    });
  }

  for (const [processor, instructions] of emulated) {
    it(`convolves by Winograd's algorithm on ${processor} (${instructions}), emulated, in NCHWc blocks of 8`, async function () {
      needQemu(this);
      const native = JSON.parse(await run(process.execPath, [winogradScript])) as WinogradReport;
      const other = JSON.parse(await emulateNode(processor, winogradScript)) as WinogradReport;
      assert.equal(other.blockSize, 8);
      assert.equal(other.winograd, 4);
      other.samples.forEach((sample, i) => {
        const scale = Math.max(...native.samples[i]!.map(Math.abs));
        sample.forEach((value, k) => assert.ok(Math.abs(value - native.samples[i]![k]!) < 1e-5 * scale));
      });
    });
  }

  it('extracts in int8 without VNNI on Haswell, emulated: 7-bit weights, none of whose sums are cut', async function () {
    needQemu(this);
    const native = JSON.parse(await run(process.execPath, [int8Script])) as Int8Report;
    const haswell = JSON.parse(await emulate('Haswell', int8Script)) as Int8Report;
    assert.equal(haswell.support.bits, 7);
    assert.equal(haswell.precision, 'int8');
    assert.match(haswell.notices.join(), /^int8: 7-bit weights, cosine to fp32: mean 0\.99/);
    // By another instruction set the very same numbers: nothing overflowed. With 8 bits it does.
    assert.deepEqual(haswell.descriptors['default'], haswell.descriptors['7']);
    assert.deepEqual(haswell.descriptors['7'], native.descriptors['7']);
    // Where this processor has VNNI; else both overflow alike.
    if (native.support.bits === 8) assert.notDeepEqual(haswell.descriptors['8'], native.descriptors['8']);
    const fidelity = cosine(haswell.descriptors['7']!, native.descriptors['fp32']!);
    assert.ok(fidelity > 0.999, `cosine to fp32 ${fidelity}`);
    assert.match(
      await emulate('Haswell', join(root, 'dist/src/cli/main.js'), 'doctor'),
      /--precision int8.*: no VNNI: 7-bit weights/,
    );
  });
});
