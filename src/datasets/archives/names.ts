// Checks entry names in untrusted archives: rejects entries outside the archive's own folder.
import { posix } from 'node:path';
import { VerydeepError } from '../../errors.js';

const leaves = (path: string): boolean => {
  const clean = posix.normalize(path.replaceAll('\\', '/'));
  return clean === '..' || clean.startsWith('../') || clean.startsWith('/') || /^[A-Za-z]:/.test(clean);
};

/**
 * Rejects an entry that leads out of its target folder.
 *
 * @param archive the archive, for the message
 * @param name the entry's path
 * @param target where it leads, if it is a link: of a symbolic link relative to the entry's folder, of a hard
 * link to the archive's root
 * @throws VerydeepError naming archive and entry
 */
export const refuseName = (archive: string, name: string, target?: string, symbolic = true): void => {
  const shown = JSON.stringify(name);
  const refused = (reason: string): VerydeepError =>
    new VerydeepError(
      `Refused the archive ${archive}: its entry ${shown} ${reason}. Get the archive from its official source.`,
    );
  if (name === '' || name.includes('\0')) throw refused('has no valid name');
  if (leaves(name) || name.split(/[\\/]/).includes('..')) throw refused('lies outside the folder');
  if (target === undefined) return;
  const base = symbolic && !posix.isAbsolute(target) ? posix.join(posix.dirname(name), target) : target;
  if (leaves(base)) throw refused(`is a link out of the folder, to ${JSON.stringify(target)}`);
};
