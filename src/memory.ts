// How much memory this process may still take, and needs that are set against it.
import { execFileSync } from 'node:child_process';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { groupFolders, textOf } from './control-groups.js';
import { expected } from './errors.js';

/** Memory that is free, and what says so. */
export interface FreeMemory {
  readonly bytes: number;
  /** The figure that was smallest: "MemAvailable of /proc/meminfo", "memory.max of /sys/fs/cgroup/box". */
  readonly source: string;
}

/** The variable of the environment that sets the memory to use, in GB. */
const VARIABLE = 'VERYDEEP_MEMORY';

/** The number after a name in a file such as /proc/meminfo or memory.stat; undefined where it is not there. */
const entryOf = (text: string | undefined, name: string): number | undefined => {
  const line = text?.split('\n').find((each) => each.split(/[\s:]/, 1)[0] === name);
  const number = Number(line?.split(/[\s:]+/)[1] ?? NaN);
  return Number.isFinite(number) ? number : undefined;
};

/** A limit of a control group that is set: version 1 writes none as 2^63 less a page, version 2 as "max". */
const limitOf = (text: string | undefined): number | undefined => {
  const limit = text === undefined || text === '' ? NaN : Number(text);
  return Number.isFinite(limit) && limit < 2 ** 60 ? limit : undefined;
};

/** The names of a control group's files, by version. Files read before and not since are given up when memory is short. */
const versions = {
  v1: { limits: ['memory.limit_in_bytes'], usage: 'memory.usage_in_bytes', idle: 'total_inactive_file' },
  v2: { limits: ['memory.max', 'memory.high'], usage: 'memory.current', idle: 'inactive_file' },
} as const;

/** What the limits of this process's control groups leave. */
const leftByGroups = (root: string): FreeMemory[] => {
  const folders = groupFolders('memory', ['memory'], root);
  return (['v1', 'v2'] as const).flatMap((version) =>
    folders[version].flatMap((folder) => {
      const { limits, usage, idle } = versions[version];
      return limits.flatMap((name) => {
        const limit = limitOf(textOf(join(folder, name)));
        if (limit === undefined) return [];
        const used = Number(textOf(join(folder, usage)) ?? 0);
        const cached = entryOf(textOf(join(folder, 'memory.stat')), idle) ?? 0;
        const bytes = Math.max(0, limit - Math.max(0, used - cached));
        return { bytes, source: `${name} of ${folder}` };
      });
    }),
  );
};

/** What the system has available, on Linux: free pages, and cached ones that can be given up. */
const availableOnLinux = (root: string): FreeMemory[] => {
  const kilobytes = entryOf(textOf(join(root, 'proc/meminfo')), 'MemAvailable');
  return kilobytes === undefined
    ? []
    : [{ bytes: 1024 * kilobytes, source: 'MemAvailable of /proc/meminfo' }];
};

/** The pages of macOS's `vm_stat` that are free or can be given up, in bytes; undefined if the text is another. */
export const availableByVmStat = (text: string): number | undefined => {
  const page = Number(/page size of (\d+) bytes/.exec(text)?.[1] ?? NaN);
  const pages = ['free', 'inactive', 'speculative', 'purgeable'].map((kind) =>
    Number(new RegExp(`^Pages ${kind}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0),
  );
  const bytes = page * pages.reduce((sum, n) => sum + n, 0);
  return bytes > 0 ? bytes : undefined;
};

const availableOnMac = (): FreeMemory[] => {
  try {
    const bytes = availableByVmStat(execFileSync('vm_stat', { encoding: 'utf8' }));
    return bytes === undefined ? [] : [{ bytes, source: 'vm_stat' }];
  } catch {
    return [];
  }
};

/** What the system has available. Node's own figure takes cached files of a control group for used, so Linux is read here. */
const availableOnSystem = (root: string): FreeMemory[] => {
  const read = process.platform === 'darwin' ? availableOnMac() : availableOnLinux(root);
  return read.length > 0 ? read : [{ bytes: freemem(), source: "the system's free memory" }];
};

/** The memory that the environment sets. @throws UsageError if it is no number above 0 */
const givenMemory = (): FreeMemory | undefined => {
  const given = process.env[VARIABLE];
  if (given === undefined || given.trim() === '') return undefined;
  const gigabytes = Number(given.trim().replace(/\s*GB$/i, ''));
  if (!(gigabytes > 0))
    throw expected('a number of GB above 0', `the environment variable ${VARIABLE}`, given);
  return { bytes: gigabytes * 1e9, source: VARIABLE };
};

/**
 * How much memory this process may still take: the least of what the system has available, what the limits of its control
 * groups leave, and what the environment variable VERYDEEP_MEMORY grants.
 *
 * @param root the root of the file system, for tests
 */
export const freeMemory = (root = '/'): FreeMemory =>
  [
    ...availableOnSystem(root),
    ...leftByGroups(root),
    ...([givenMemory()] as const).flatMap((one) => one ?? []),
  ].reduce((least, one) => (one.bytes < least.bytes ? one : least));

/** A number of bytes and their use. */
export type Need = readonly [what: string, bytes: number];

/** The bytes of all needs together. */
export const totalOf = (needs: readonly Need[]): number => needs.reduce((sum, [, bytes]) => sum + bytes, 0);

/** Gigabytes of 10^9 bytes, as a number with one decimal: "9.1"; below a tenth with two: "0.04". */
export const gigabytes = (bytes: number): string => {
  const amount = bytes / 1e9;
  return amount.toFixed(amount < 0.095 ? 2 : 1);
};

/** "7.9 GB for activations and 1.2 GB for weights": the largest first, small ones left out. */
export const listed = (needs: readonly Need[]): string => {
  const total = totalOf(needs);
  const parts = [...needs]
    .sort(([, a], [, b]) => b - a)
    .filter(([, bytes], i) => i === 0 || bytes > total / 20)
    .map(([what, bytes]) => `${gigabytes(bytes)} GB for ${what}`);
  return parts.length === 1 ? parts[0]! : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)!}`;
};
