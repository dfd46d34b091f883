// How many processor cores this process may use: the system's, less what a container's quota leaves.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** A folder of the group and those above it: "/a/b" gives "/a/b", "/a", "". A container may see its own as the root. */
const upwards = (path: string): string[] => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).join('/'));
};

/** Cores of a quota: microseconds of processor time in each period of so many; none where it is not limited. */
const coresOf = (quota: string | undefined, period: string | undefined): number[] => {
  const share = Number(quota) / Number(period);
  return Number.isFinite(share) && share > 0 ? [share] : [];
};

/** Quotas of control groups, version 1: a folder for the controller, two files. */
const quotasOfV1 = (root: string, group: string): number[] =>
  ['cpu,cpuacct', 'cpu', 'cpuacct,cpu'].flatMap((controller) =>
    upwards(group).flatMap((folder) => {
      const file = (name: string): string | undefined =>
        textOf(join(root, 'sys/fs/cgroup', controller, folder, name));
      return coresOf(file('cpu.cfs_quota_us'), file('cpu.cfs_period_us'));
    }),
  );

/** Quotas of control groups, version 2: one file, "200000 100000" or "max 100000". */
const quotasOfV2 = (root: string, group: string): number[] =>
  ['', 'unified'].flatMap((mount) =>
    upwards(group).flatMap((folder) => {
      const [quota, period] = (textOf(join(root, 'sys/fs/cgroup', mount, folder, 'cpu.max')) ?? '').split(
        ' ',
      );
      return coresOf(quota, period);
    }),
  );

/**
 * The cores that the quota of this process's control group leaves, a fraction of one or more; undefined without quota.
 *
 * @param root the root of the file system, for tests
 */
export const quotaOfCores = (root = '/'): number | undefined => {
  // "0::/group" in version 2, "4:cpu,cpuacct:/group" in version 1; both may be there.
  const groups = (textOf(join(root, 'proc/self/cgroup')) ?? '').split('\n').map((line) => line.split(':'));
  const v1 = groups.find(([, controllers = '']) => controllers.split(',').includes('cpu'))?.[2] ?? '/';
  const v2 = groups.find(([number]) => number === '0')?.[2] ?? '/';
  const quotas = [...quotasOfV1(root, v1), ...quotasOfV2(root, v2)];
  return quotas.length === 0 ? undefined : Math.min(...quotas);
};

let known: number | undefined;

/**
 * The cores that this process may use, at least 1: those that the system gives it, and no more than its container's quota
 * (of a part of a core the whole ones; Node 20 knows nothing of quotas). Found out once.
 */
export const usableCores = (): number =>
  (known ??= Math.max(1, Math.min(availableParallelism(), Math.floor(quotaOfCores() ?? Infinity))));
