// Atomic writes (temporary file, sync, rename), folders, and checksums of files.
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type Message,
  type OptionName,
  codeOf,
  messageOf,
  option,
  UsageError,
  VerydeepError,
  text,
} from '../errors.js';
import { checksumsOf } from './checksum.js';

const REASONS: Readonly<Record<string, Message>> = {
  ENOENT: 'no folder can be made there; choose another',
  EEXIST: 'a file of that name is there; choose another',
  ENOSPC: text`the disk is full; free some space and run again with ${option('resume')}`,
  EACCES: 'permission denied; choose a folder that you may write to',
  EPERM: 'permission denied; choose a folder that you may write to',
  EROFS: 'the file system is read-only; choose another folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  ELOOP: 'a part of the path is a link that leads to itself',
  ENAMETOOLONG: 'the path is too long',
  EDQUOT: text`your disk quota is used up; free some space and run again with ${option('resume')}`,
};

/** The error for a failed write of `path`. */
export const writeError = (path: string, error: unknown): VerydeepError =>
  new VerydeepError(text`Cannot write ${path}: ${REASONS[codeOf(error) ?? ''] ?? messageOf(error)}.`);

/**
 * Creates a folder and its parents, one by one: Node's own `recursive` never returns where the system answers
 * "no such file" for a folder whose parent is there, as in /proc.
 */
const makeFolders = async (path: string, again = false): Promise<void> => {
  try {
    await mkdir(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || again) throw error;
    if (!(await isFolder(parent))) await makeFolders(parent);
    await makeFolders(path, true); // Try again even if another task has created the parent meanwhile.
  }
};

const isFolder = async (path: string): Promise<boolean> => {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
};

/** Creates a folder and its parents. @throws UsageError naming the option or variable `where` if it cannot */
export const makeFolder = async (path: string, where: OptionName | string = option('out')): Promise<void> => {
  try {
    await makeFolders(path);
    await (await open(join(path, `.probe-${process.pid}`), 'w')).close();
    await rm(join(path, `.probe-${process.pid}`), { force: true });
  } catch (error) {
    throw new UsageError(
      text`Cannot write to the folder ${path} given for ${where}: ${REASONS[codeOf(error) ?? ''] ?? messageOf(error)}.`,
    );
  }
};

/** Whether a folder is missing, or empty except for the files named in `but`, and for folders that are as empty. */
export const isEmptyFolder = async (path: string, ...but: readonly string[]): Promise<boolean> => {
  try {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (but.includes(entry.name)) continue;
      if (!entry.isDirectory() || !(await isEmptyFolder(join(path, entry.name), ...but))) return false;
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
};

const syncFolder = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return; // Windows cannot sync a folder.
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

/**
 * Writes a file atomically: `write` fills a temporary file in the same folder, which is synced and renamed to
 * `path`.
 *
 * @throws VerydeepError naming `path` on a system error (disk full, permission); the temporary file is
 * removed
 */
export const writeAtomically = async (
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> => {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${Date.now().toString(36)}.tmp`);
  try {
    const file = await open(temporary, 'w');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error instanceof VerydeepError ? error : writeError(path, error);
  }
};

/** Writes text or bytes with {@link writeAtomically}. */
export const writeFileAtomically = (path: string, data: string | Uint8Array): Promise<void> =>
  writeAtomically(path, (file) => file.writeFile(data));

/** SHA-256 of a file in lower-case hexadecimal; the file is streamed. */
export const sha256OfFile = async (path: string): Promise<string> => {
  const { sha256: digest } = await checksumsOf(path, ['sha256']);
  return digest!;
};

/** SHA-256 of bytes or UTF-8 text in lower-case hexadecimal. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
