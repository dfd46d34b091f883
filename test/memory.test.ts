// Free memory, from control groups of both versions and /proc/meminfo, written here as the kernel shows them.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FreeMemory, availableByVmStat, freeMemory, gigabytes, listed } from '../src/memory.js';
import { withFolder, withVariables } from './support.js';

const MIB = 2 ** 20;
const meminfo = (available: number): string =>
  [
    'MemTotal:       24616852 kB',
    'MemFree:         1000000 kB',
    `MemAvailable:   ${available / 1024} kB`,
    'Buffers:          120000 kB',
  ].join('\n');

/** What is free with these files; the root in `source` is cut off. */
const free = (files: Readonly<Record<string, string>>, given?: string): Promise<FreeMemory> =>
  withVariables({ VERYDEEP_MEMORY: given }, () =>
    withFolder(async (root) => {
      const all = { 'proc/meminfo': meminfo(8000 * MIB), ...files };
      for (const [path, text] of Object.entries(all)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), `${text}\n`);
      }
      const { bytes, source } = freeMemory(root);
      return { bytes, source: source.replace(root, '') };
    }),
  );

describe('freeMemory', () => {
  if (process.platform === 'linux') {
    it('is what the system has available where nothing limits it', async () => {
      const system = { bytes: 8000 * MIB, source: 'MemAvailable of /proc/meminfo' };
      assert.deepEqual(await free({}), system);
      const proc = { 'proc/self/cgroup': '0::/box' };
      assert.deepEqual(await free({ ...proc, 'sys/fs/cgroup/box/memory.max': 'max' }), system);
      const unlimited = 'sys/fs/cgroup/memory/box/memory.limit_in_bytes';
      assert.deepEqual(
        await free({ 'proc/self/cgroup': '5:memory:/box', [unlimited]: '9223372036854771712' }),
        system,
      );
    });

    it('is no more than the system has, however wide a limit', async () => {
      const group = { 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/memory.max': String(64_000 * MIB) };
      assert.equal((await free(group)).bytes, 8000 * MIB);
    });
  }

  it('is what version 2 leaves: the limit less what is in use, without cached files that can be given up', async () => {
    const at = (folder: string, limit: number, current: number, cached: number, name = 'memory.max') => ({
      [`sys/fs/cgroup/${folder}${name}`]: String(limit * MIB),
      [`sys/fs/cgroup/${folder}memory.current`]: String(current * MIB),
      [`sys/fs/cgroup/${folder}memory.stat`]: `anon ${(current - cached) * MIB}\nfile ${cached * MIB}\ninactive_file ${cached * MIB}\nactive_file 0`,
    });
    const proc = { 'proc/self/cgroup': '0::/pods/box' };
    assert.deepEqual(await free({ ...proc, ...at('pods/box/', 2000, 900, 600) }), {
      bytes: 1700 * MIB,
      source: 'memory.max of /sys/fs/cgroup/pods/box',
    });
    // A group above has less left; a container may see its own group as the root.
    assert.deepEqual(
      await free({ ...proc, ...at('pods/box/', 2000, 100, 0), ...at('pods/', 3000, 2500, 0) }),
      {
        bytes: 500 * MIB,
        source: 'memory.max of /sys/fs/cgroup/pods',
      },
    );
    assert.equal((await free({ ...proc, ...at('', 1000, 400, 0) })).bytes, 600 * MIB);
    // Above memory.high a process is slowed down until it stands still.
    assert.deepEqual(await free({ ...proc, ...at('pods/box/', 1500, 500, 0, 'memory.high') }), {
      bytes: 1000 * MIB,
      source: 'memory.high of /sys/fs/cgroup/pods/box',
    });
    assert.equal((await free({ ...proc, ...at('pods/box/', 1000, 1200, 0) })).bytes, 0);
  });

  it('is what version 1 leaves, alone and beside version 2', async () => {
    const files = {
      'proc/self/cgroup': '7:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/docker/x',
      'sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes': String(3000 * MIB),
      'sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes': String(1000 * MIB),
      'sys/fs/cgroup/memory/docker/x/memory.stat': `cache ${800 * MIB}\ninactive_file 5\ntotal_inactive_file ${300 * MIB}`,
    };
    assert.deepEqual(await free(files), {
      bytes: 2300 * MIB,
      source: 'memory.limit_in_bytes of /sys/fs/cgroup/memory/docker/x',
    });
    const both = { ...files, 'sys/fs/cgroup/unified/docker/x/memory.max': String(1200 * MIB) };
    assert.equal((await free(both)).bytes, 1200 * MIB);
  });

  it('is no more than VERYDEEP_MEMORY grants, in GB', async () => {
    assert.deepEqual(await free({}, '1.5'), { bytes: 1.5e9, source: 'VERYDEEP_MEMORY' });
    assert.equal((await free({}, '2 GB')).bytes, 2e9);
    for (const wrong of ['much', '0', '-1'])
      await assert.rejects(
        free({}, wrong),
        /Expected a number of GB above 0 for the environment variable VERYDEEP_MEMORY/,
      );
  });

  it('reads what macOS says of its pages', () => {
    const text = [
      'Mach Virtual Memory Statistics: (page size of 16384 bytes)',
      'Pages free:                               10000.',
      'Pages active:                            400000.',
      'Pages inactive:                           30000.',
      'Pages speculative:                         2000.',
      'Pages throttled:                              0.',
      'Pages wired down:                        100000.',
      'Pages purgeable:                            500.',
    ].join('\n');
    assert.equal(availableByVmStat(text), 16384 * 42_500);
    assert.equal(availableByVmStat('no such command'), undefined);
  });
});

describe('needs', () => {
  it('are listed by size, small ones left out, in GB', () => {
    assert.equal(gigabytes(9_140_000_000), '9.1');
    assert.equal(gigabytes(42_000_000), '0.04');
    assert.equal(
      listed([
        ['weights', 1.2e9],
        ['activations', 7.9e9],
        ['crumbs', 1e7],
      ]),
      '7.9 GB for activations and 1.2 GB for weights',
    );
    assert.equal(listed([['weights', 1e9]]), '1.0 GB for weights');
  });
});
