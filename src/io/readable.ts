// Words what is wrong with a path that cannot be read, and finds what may be meant in a folder given for a file.
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Message, type OptionName, UsageError, codeOf, messageOf, text } from '../errors.js';

/** What the system's errors on reading mean. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission to read it is denied',
  EPERM: 'permission to read it is denied',
  ELOOP: 'it is a link that leads to itself',
  ENAMETOOLONG: 'the path is too long',
  ENXIO: 'it is a socket or a device, not a file',
  EIO: 'the disk cannot read it',
};

/** Why the system cannot read a path, in words. */
export const readReason = (error: unknown): string => REASONS[codeOf(error) ?? ''] ?? messageOf(error);

/** A reason as a sentence of its own. */
export const sentence = (reason: string): string => `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;

/** Whether an error is the system's and {@link readReason} has words for it. */
export const isReadError = (error: unknown): boolean => Object.hasOwn(REASONS, codeOf(error) ?? '');

/** Where a path comes from, and what is expected at it. */
export interface Wanted {
  /** The kind of file: "backbone", "model". */
  readonly what: string;
  /** The option that named it, if one did. */
  readonly where?: OptionName;
  /** Paths of such files in a folder of results, relative to it; of `*.x`, those that end so. */
  readonly inside?: readonly string[];
  /** What to do about a file of another kind. */
  readonly advice?: Message;
}

/** The files of a folder that a pattern names. */
const matching = (folder: string, pattern: string): string[] => {
  const [above = '', ending] = pattern.split('*');
  if (ending === undefined) return existsSync(join(folder, pattern)) ? [pattern] : [];
  try {
    const names = readdirSync(join(folder, above)).filter((name) => name.endsWith(ending));
    return names.sort().map((name) => `${above}${name}`);
  } catch {
    return [];
  }
};

/** What to do about a folder that is given for a file: the file in it that may be meant. */
const folderAdvice = (folder: string, inside: readonly string[] = []): string => {
  const found = inside.flatMap((pattern) => matching(folder, pattern))[0];
  return found === undefined ? '' : ` Give the file in it: ${join(folder, found)}.`;
};

/** The error for a file that cannot be opened: "Cannot open the backbone x given for --backbone: it is a folder." */
export const openError = (path: string, wanted: Wanted, reason: string, advice = ''): UsageError => {
  const { what, where } = wanted;
  const origin: Message = where ? text` given for ${where}` : '';
  return new UsageError(text`Cannot open the ${what} ${path}${origin}: ${reason}.${advice}`);
};

/**
 * Makes sure that a file can be read: a regular file, or a pipe.
 *
 * @throws UsageError naming file, option and reason
 */
export const requireFile = (path: string, wanted: Wanted): void => {
  try {
    const kind = statSync(path);
    if (kind.isDirectory())
      throw openError(path, wanted, 'it is a folder', folderAdvice(path, wanted.inside));
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw error instanceof UsageError ? error : openError(path, wanted, readReason(error));
  }
};
