// The Node versions that verydeep supports, and their binaries from the npm packages that the package `node` is made of.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Major versions under test. */
export const majors = [20, 22, 24, 26];

/**
 * The path of a Node binary of a major version: this process's own where it has that version, else one that npm installs
 * once into `folder`.
 *
 * @throws Error with npm's words when it cannot be installed
 */
export const nodeBinary = (major, folder) => {
  if (Number(process.versions.node.split('.')[0]) === major) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const prefix = join(folder, `node-${major}`);
  const binary = join(
    ...[prefix, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node'],
  );
  if (existsSync(binary)) return binary;
  mkdirSync(prefix, { recursive: true });
  const { status, stderr } = spawnSync(
    'npm',
    ['install', '--prefix', prefix, '--no-audit', '--no-fund', `${name}@${major}`],
    { encoding: 'utf8', shell: process.platform === 'win32' },
  );
  if (status !== 0) throw new Error(`npm cannot install ${name}@${major}:\n${stderr}`);
  return binary;
};
