// Finds the files and the version of an installed npm package.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VerydeepError } from '../../src/errors.js';

/** A file of an installed package, found as Node finds packages: upwards from this file. */
export const packageFile = (name: string, path: string): string => {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', name, path);
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) break;
  }
  throw new VerydeepError(
    `The demo needs ${path} of the npm package ${name}, which is not installed. Run \`npm ci\` in a clone of the project: the drawings are development dependencies.`,
  );
};

/** The version of an installed package. */
export const packageVersion = (name: string): string =>
  (JSON.parse(readFileSync(packageFile(name, 'package.json'), 'utf8')) as { version: string }).version;
