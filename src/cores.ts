// How many processor cores this process may use: the system's, less what a container's quota leaves.
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { groupFolders, textOf } from './control-groups.js';

/** Cores of a quota: microseconds of processor time in each period of so many; none where it is not limited. */
const coresOf = (quota: string | undefined, period: string | undefined): number[] => {
  const share = Number(quota) / Number(period);
  return Number.isFinite(share) && share > 0 ? [share] : [];
};

/**
 * The cores that the quota of this process's control group leaves, a fraction of one or more; undefined without quota.
 *
 * @param root the root of the file system, for tests
 */
export const quotaOfCores = (root = '/'): number | undefined => {
  const { v1, v2 } = groupFolders('cpu', ['cpu,cpuacct', 'cpu', 'cpuacct,cpu'], root);
  const quotas = [
    ...v1.flatMap((folder) =>
      coresOf(textOf(join(folder, 'cpu.cfs_quota_us')), textOf(join(folder, 'cpu.cfs_period_us'))),
    ),
    // "200000 100000" or "max 100000"
    ...v2.flatMap((folder) => {
      const [quota, period] = (textOf(join(folder, 'cpu.max')) ?? '').split(' ');
      return coresOf(quota, period);
    }),
  ];
  return quotas.length === 0 ? undefined : Math.min(...quotas);
};

let known: number | undefined;

/** The cores that the system gives this process. Open MPI binds each rank to one of them unless told otherwise: that is no limit. */
const givenCores = (): number =>
  process.env['OMPI_COMM_WORLD_SIZE'] === undefined ? availableParallelism() : cpus().length;

/**
 * The cores that this process may use, at least 1: those that the system gives it, and no more than its container's quota
 * (of a part of a core the whole ones; Node 20 knows nothing of quotas). Found out once.
 */
export const usableCores = (): number =>
  (known ??= Math.max(1, Math.min(givenCores(), Math.floor(quotaOfCores() ?? Infinity))));
