// Cores that a container leaves, from control groups of both versions, written here as the kernel shows them.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { quotaOfCores, usableCores } from '../src/cores.js';
import { withFolder } from './support.js';

const quota = (files: Readonly<Record<string, string>>): Promise<number | undefined> =>
  withFolder(async (root) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), `${text}\n`);
    }
    return quotaOfCores(root);
  });

describe('quotaOfCores', () => {
  it('reads version 2: of the group, of those above it, and of a container that sees its own as the root', async () => {
    const proc = { 'proc/self/cgroup': '0::/kubepods/pod1/box' };
    assert.equal(await quota({ ...proc, 'sys/fs/cgroup/kubepods/pod1/box/cpu.max': '200000 100000' }), 2);
    assert.equal(await quota({ ...proc, 'sys/fs/cgroup/cpu.max': '150000 100000' }), 1.5);
    assert.equal(
      await quota({
        ...proc,
        'sys/fs/cgroup/kubepods/pod1/box/cpu.max': 'max 100000',
        'sys/fs/cgroup/kubepods/pod1/cpu.max': '300000 100000',
        'sys/fs/cgroup/kubepods/cpu.max': '800000 100000',
      }),
      3,
    );
    assert.equal(await quota({ 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': '400000 100000' }), 4);
    assert.equal(
      await quota({ 'proc/self/cgroup': '0::/../../box', 'sys/fs/cgroup/cpu.max': '50000 100000' }),
      0.5,
    );
  });

  it('reads version 1, alone and beside version 2', async () => {
    const proc = { 'proc/self/cgroup': '5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/docker/x' };
    const at = (folder: string, quotaUs: string): Record<string, string> => ({
      [`sys/fs/cgroup/${folder}/cpu.cfs_quota_us`]: quotaUs,
      [`sys/fs/cgroup/${folder}/cpu.cfs_period_us`]: '100000',
    });
    assert.equal(await quota({ ...proc, ...at('cpu,cpuacct/docker/x', '250000') }), 2.5);
    assert.equal(await quota({ ...proc, ...at('cpu,cpuacct', '100000') }), 1);
    assert.equal(await quota({ ...proc, ...at('cpu/docker/x', '700000') }), 7);
    assert.equal(await quota({ ...proc, ...at('cpu,cpuacct/docker/x', '-1') }), undefined);
  });

  it('finds none where there is none', async () => {
    assert.equal(await quota({}), undefined);
    assert.equal(
      await quota({ 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': 'max 100000' }),
      undefined,
    );
  });

  it('leaves at least one core and no more than there are', () => {
    assert.ok(usableCores() >= 1 && usableCores() <= availableParallelism());
  });
});
