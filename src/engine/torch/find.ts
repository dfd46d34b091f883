// Where libtorch lies on this machine: a folder that was named, the active environment's PyTorch, or that of python3.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** libtorch found on this machine. */
export interface TorchPlace {
  /** The folder of the shared libraries. */
  readonly folder: string;
  /** The library to load first. */
  readonly library: string;
  /** Who named it, in words. */
  readonly from: string;
}

/** A place where libtorch is not, and why. */
export interface TorchMiss {
  readonly from: string;
  readonly reason: string;
}

const libraryNames: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: 'libtorch_cpu.so',
  darwin: 'libtorch_cpu.dylib',
  win32: 'torch_cpu.dll',
};

/** The library's name on this system. */
const libraryName = (): string => libraryNames[process.platform] ?? 'libtorch_cpu.so';

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** `site-packages/torch` of a Python environment: `lib/python3.12/site-packages` or, on Windows, `Lib/site-packages`. */
const packagesOf = (environment: string): string[] => {
  const lib = join(environment, 'lib');
  const pythons = isFolder(lib) ? readdirSync(lib).filter((name) => name.startsWith('python')) : [];
  return [
    ...pythons.map((name) => join(lib, name, 'site-packages', 'torch')),
    join(environment, 'Lib', 'site-packages', 'torch'),
  ];
};

/**
 * libtorch in a folder: the folder of the libraries, the package `torch`, the unpacked zip of libtorch, or a Python
 * environment.
 */
export const torchIn = (folder: string, from: string): TorchPlace | TorchMiss => {
  const folders = [folder, join(folder, 'lib'), join(folder, 'torch', 'lib')];
  folders.push(...packagesOf(folder).map((path) => join(path, 'lib')));
  const found = folders.find((path) => existsSync(join(path, libraryName())));
  if (found) return { folder: found, library: join(found, libraryName()), from };
  const reason = existsSync(folder) ? `there is no ${libraryName()} in ${folder}` : `there is no ${folder}`;
  return { from, reason };
};

/** Asks Python where its package torch is, without importing it. */
const askPython = (python: string): TorchPlace | TorchMiss => {
  const program =
    'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")';
  const { error, status, stdout } = spawnSync(python, ['-c', program], { encoding: 'utf8', timeout: 20_000 });
  if (error || status !== 0) return { from: python, reason: `${python} cannot be run` };
  const folder = stdout.trim();
  return folder ? torchIn(folder, python) : { from: python, reason: `${python} has no package torch` };
};

export const isFound = (place: TorchPlace | TorchMiss): place is TorchPlace => 'library' in place;

/**
 * Looks for libtorch: in `VERYDEEP_TORCH` alone where that is set, else in the active virtual environment, in conda's, and in
 * that of `python3`.
 *
 * @returns every place that was tried; the last one is libtorch's, if it was found
 */
export const findTorch = (
  environment: NodeJS.ProcessEnv = process.env,
  python = 'python3',
): (TorchPlace | TorchMiss)[] => {
  const given = environment['VERYDEEP_TORCH'];
  if (given) return [torchIn(given, 'VERYDEEP_TORCH')];
  const tried: (TorchPlace | TorchMiss)[] = [];
  for (const name of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const folder = environment[name];
    if (folder) tried.push(torchIn(folder, name));
    if (tried.some(isFound)) return tried;
  }
  tried.push(askPython(python));
  return tried;
};
