// The kind of data set or benchmark, the first argument of several commands, and what may be meant by a path in its place.
import { statSync } from 'node:fs';
import { type OptionName, expected } from '../errors.js';

/** The kind of data that lies at a path; undefined if there is nothing. */
const kindAt = (path: string): 'folder' | 'csv' | undefined => {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry?.isDirectory()) return 'folder';
  return entry?.isFile() && /\.(csv|tsv)$/i.test(path) ? 'csv' : undefined;
};

/** A path as it is typed in a shell. */
const typed = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/**
 * Refuses a kind that does not exist; for a path it says the command that may be meant.
 *
 * @param command the command without its arguments: "extract"
 * @param what what the argument is: "the data set"
 * @throws UsageError listing the kinds
 */
export const requireKind = (
  command: string,
  what: OptionName | string,
  kinds: readonly string[],
  given: string,
): void => {
  if (kinds.includes(given)) return;
  const kind = kindAt(given);
  const advice =
    kind === undefined
      ? undefined
      : `For the ${kind === 'csv' ? 'table' : 'folder'} of that name: \`verydeep ${command} ${kind} --data ${typed(given)}\`.`;
  throw expected(`one of ${kinds.join(', ')}`, what, given, advice);
};
