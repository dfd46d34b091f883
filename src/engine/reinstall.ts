// How to complete an installation from which npm left a package out: the command, and the folder to run it in.
import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this package: the nearest one above with a package.json. */
const packageFolder = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
};

/**
 * What to run so that npm installs the packages that are missing: those that are optional, too, and without their install
 * scripts, which fetch files from hosts that a network may not reach.
 *
 * @param folder the package's folder; replaced in tests
 */
export const reinstall = (folder = packageFolder()): string => {
  const modules = `${sep}node_modules${sep}`;
  const project = folder.includes(modules) ? folder.slice(0, folder.indexOf(modules)) : folder;
  /* eslint-disable house/no-flags -- options of npm, not of ours */
  return existsSync(join(project, 'package.json'))
    ? `run "npm install --ignore-scripts --include=optional" in ${project}`
    : 'run "npm install --global --ignore-scripts --include=optional verydeep"';
};
