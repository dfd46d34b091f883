// Traverses folders: each is read once, links are followed, and unreadable entries are listed.
import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { type OptionName, UsageError, codeOf, messageOf, option, text } from '../errors.js';
import { isOutputFolder } from '../io/output-folder.js';
import { byCode, requireFolder } from './common.js';
import { isDropping } from './names.js';

/** A skipped path, relative to the root, and the reason. */
export interface PassedOver {
  readonly path: string;
  readonly reason: string;
}

/** The contents of one folder, by name in code-unit order. */
export interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly { readonly name: string; readonly link: boolean }[];
  /** By name. */
  readonly passed: readonly PassedOver[];
  /** Whether it is a results folder of a command. */
  readonly isOutput: boolean;
}

const linkReasons: Readonly<Record<string, string>> = {
  ENOENT: 'a link that leads nowhere',
  ENOTDIR: 'a link that leads nowhere',
  ELOOP: 'a link that leads to itself',
  EACCES: 'a link into a folder that may not be read: permission denied',
};

const folderReasons: Readonly<Record<string, string>> = {
  EACCES: 'a folder that may not be read: permission denied',
  EPERM: 'a folder that may not be read: permission denied',
  ENAMETOOLONG: 'a folder too deep for the system: its path is too long',
  ENOENT: 'a folder that was removed meanwhile',
};

type Kind = Pick<
  Dirent,
  'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket' | 'isCharacterDevice' | 'isBlockDevice'
>;

const specialReason = (kind: Kind): string => {
  if (kind.isFIFO()) return 'a named pipe, not a file';
  if (kind.isSocket()) return 'a socket, not a file';
  return 'a device, not a file';
};

/** The character that Node puts for invalid UTF-8 in a name. */
const REPLACEMENT = '\uFFFD';

const isUnreadableName = async (folder: string, name: string): Promise<boolean> =>
  name.includes(REPLACEMENT) &&
  (await lstat(join(folder, name)).then(
    () => false,
    () => true,
  ));

/**
 * Reads a folder. Hidden files and system files are left out. Broken links, pipes, sockets, devices and names that are
 * not UTF-8 are skipped with a reason.
 *
 * @throws the system's error if the folder cannot be read
 */
export const listFolder = async (folder: string): Promise<Listing> => {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => byCode(a.name, b.name));
  const files: string[] = [];
  const folders: { name: string; link: boolean }[] = [];
  const passed: PassedOver[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (isDropping(name)) continue;
    if (await isUnreadableName(folder, name)) {
      passed.push({ path: name, reason: 'its name is not UTF-8: rename it' });
      continue;
    }
    let kind: Kind = entry;
    const link = entry.isSymbolicLink();
    // Some file systems do not give the type of an entry.
    const isUnknown = !link && !entry.isFile() && !entry.isDirectory();
    if (link || isUnknown) {
      try {
        kind = await stat(join(folder, name));
      } catch (error) {
        const reason = linkReasons[codeOf(error) ?? ''] ?? messageOf(error);
        passed.push({ path: name, reason });
        continue;
      }
    }
    if (kind.isDirectory()) folders.push({ name, link });
    else if (kind.isFile()) files.push(name);
    else passed.push({ path: name, reason: specialReason(kind) });
  }
  return { files, folders, passed, isOutput: isOutputFolder(entries.map(({ name }) => name)) };
};

/** Whether a link's target is `folder` or contains it. */
export const isAbove = async (link: string, folder: string): Promise<boolean> => {
  const [target, holder] = await Promise.all([realpath(link), realpath(folder)]);
  return holder === target || holder.startsWith(target === sep ? sep : `${target}${sep}`);
};

/** The result of a walk. */
export interface Walk {
  /** Paths relative to the root, `/` between folders, in code-unit order. */
  readonly files: readonly string[];
  /** The folders that were read, without the root. */
  readonly folders: readonly string[];
  readonly passed: readonly PassedOver[];
}

export const LOOP_REASON = 'a link to a folder that contains it';
export const OUTPUT_REASON = 'a folder of results that verydeep wrote';

/**
 * Traverses a folder and its subfolders. Each folder is read once: links are followed last, so that a folder inside
 * `root` is read under its own name. Skipped with a reason: folders that cannot be read, links to a folder that was read
 * or that contains the link, and results folders.
 *
 * @throws UsageError if `root` is not a readable folder
 */
export const walkFolder = async (
  root: string,
  where: OptionName | string = option('data'),
): Promise<Walk> => {
  const absolute = resolve(root);
  await requireFolder(absolute, where);
  const files: string[] = [];
  const folders: string[] = [];
  const passed: PassedOver[] = [];
  const links: string[] = [];
  const seen = new Map<string, string>(); // real path -> path
  const read = async (path: string, real: string): Promise<void> => {
    const before = seen.get(real);
    if (before !== undefined) {
      passed.push({ path, reason: `a link to a folder that is read already, ${before || 'the root'}` });
      return;
    }
    let listing: Listing;
    try {
      listing = await listFolder(join(absolute, path));
    } catch (error) {
      const reason = folderReasons[codeOf(error) ?? ''] ?? messageOf(error);
      if (path === '')
        throw new UsageError(text`Cannot read ${absolute} given for ${where}: it is ${reason}.`);
      passed.push({ path, reason });
      return;
    }
    seen.set(real, path);
    if (path !== '') {
      if (listing.isOutput) {
        passed.push({ path, reason: OUTPUT_REASON });
        return;
      }
      folders.push(path);
    }
    const inner = (name: string): string => (path === '' ? name : `${path}/${name}`);
    for (const name of listing.files) files.push(inner(name));
    for (const { path: name, reason } of listing.passed) passed.push({ path: inner(name), reason });
    for (const { name, link } of listing.folders) {
      if (link) links.push(inner(name));
      else await read(inner(name), join(real, name));
    }
  };
  await read('', await realpath(absolute));
  for (let next = links.shift(); next !== undefined; next = links.shift()) {
    const path = next;
    const link = join(absolute, path);
    if (await isAbove(link, dirname(link))) passed.push({ path, reason: LOOP_REASON });
    else await read(path, await realpath(link));
  }
  const byPath = (a: PassedOver, b: PassedOver): number => byCode(a.path, b.path);
  return { files: files.sort(byCode), folders: folders.sort(byCode), passed: passed.sort(byPath) };
};
