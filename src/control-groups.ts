// The control groups that a container limits this process by, on Linux: their folders, and the small files in them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The text of a small file; undefined where it cannot be read. */
export const textOf = (path: string): string | undefined => {
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

/** The folders of a process's group and of the groups above it, in each version of control groups; missing ones too. */
export interface GroupFolders {
  readonly v1: readonly string[];
  readonly v2: readonly string[];
}

/**
 * The folders of this process's control group.
 *
 * @param controller what is limited: "cpu", "memory"
 * @param mounts names under which version 1 may have the controller
 * @param root the root of the file system, for tests
 */
export const groupFolders = (controller: string, mounts: readonly string[], root = '/'): GroupFolders => {
  // "0::/group" in version 2, "4:cpu,cpuacct:/group" in version 1; both may be there.
  const groups = (textOf(join(root, 'proc/self/cgroup')) ?? '').split('\n').map((line) => line.split(':'));
  const v1 = groups.find(([, controllers = '']) => controllers.split(',').includes(controller))?.[2] ?? '/';
  const v2 = groups.find(([number]) => number === '0')?.[2] ?? '/';
  const folders = (names: readonly string[], group: string): string[] =>
    names.flatMap((name) => upwards(group).map((folder) => join(root, 'sys/fs/cgroup', name, folder)));
  return { v1: folders(mounts, v1), v2: folders(['', 'unified'], v2) };
};
