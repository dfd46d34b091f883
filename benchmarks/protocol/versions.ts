// Versions of what computed a result, read from the packages as they are installed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform, release } from 'node:os';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Walks up from a module's file to its package.json of that name. */
const versionOf = (name: string): string | undefined => {
  try {
    for (let folder = dirname(require.resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
      try {
        const found = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
          name?: string;
          version?: string;
        };
        if (found.name === name) return found.version;
      } catch {
        // No package.json in this folder: go on above.
      }
    }
  } catch {
    // Not installed.
  }
  return undefined;
};

const own = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Versions by name. */
export const versions = (): Readonly<Record<string, string>> => {
  const packages = ['onnxruntime-node', 'sharp', 'apache-arrow', 'libsvm-js'].map((name) => [
    name,
    versionOf(name),
  ]);
  return {
    verydeep: own.version,
    node: process.versions.node,
    ...(Object.fromEntries(packages.filter(([, version]) => version !== undefined)) as Record<
      string,
      string
    >),
  };
};

/** The machine, in a line. */
export const machine = (): string =>
  `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} threads, ${platform()} ${release()} ${arch()}`;
