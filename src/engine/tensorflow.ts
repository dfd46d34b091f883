// Loads tfjs-node-gpu or tfjs-node, which are optional, and reports why it could not.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { codeOf, messageOf } from '../errors.js';
import { keepLoaded } from './keep-loaded.js';

/** The packages that carry TensorFlow's library, in the order of preference. */
export const tensorflowPackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
export type TensorFlowPackage = (typeof tensorflowPackages)[number];

/** A loaded package, or the reason why it was not loaded and the fix. */
export type TensorFlowAttempt =
  | {
      readonly package: TensorFlowPackage;
      readonly loaded: true;
      readonly gpu: boolean;
      readonly version: string;
    }
  | {
      readonly package: TensorFlowPackage;
      readonly loaded: false;
      readonly reason: string;
      readonly fix: string;
    };

/** Options of TensorFlow. */
export interface TensorFlowOptions {
  /** Which GPU, counted from 0; the others are hidden from TensorFlow. */
  readonly gpu?: number | undefined;
  readonly threads?: number | undefined;
}

/** The part of a loaded package that is used. */
interface Loaded {
  readonly Tensor: unknown;
  readonly version?: Readonly<Record<string, string>>;
}

const NEWEST_NODE = 22;

interface Cause {
  readonly pattern: RegExp;
  readonly reason: string;
  readonly fix: (name: TensorFlowPackage) => string;
}

/** Known failures when the packages are loaded, by their message. */
const causes: readonly Cause[] = [
  {
    pattern: /Cannot find (package|module) '@tensorflow\/tfjs-node(-gpu)?'/,
    reason: 'it is not installed',
    fix: (name) =>
      name.endsWith('gpu')
        ? 'npm i @tensorflow/tfjs-node-gpu (it downloads libtensorflow; needs Node 20 or 22, CUDA 11.2 and cuDNN 8.1)'
        : 'npm i @tensorflow/tfjs-node (it downloads libtensorflow; needs Node 20 or 22)',
  },
  {
    pattern: /libcud|cuda|cudnn|cublas|cufft/i,
    reason: "CUDA's libraries are missing",
    fix: () => 'Install CUDA 11.2 and cuDNN 8.1 and put their folder on LD_LIBRARY_PATH',
  },
  {
    pattern: /tfjs_binding\.node|native addon|libtensorflow/i,
    reason: "TensorFlow's library was not downloaded when the package was installed",
    fix: (name) =>
      // eslint-disable-next-line house/no-flags -- an option of node-pre-gyp, not of ours
      `npm rebuild ${name} --build-addon-from-source, where the network allows the download (with npm 12, after "npm install-scripts approve ${name}")`,
  },
  {
    pattern: /isNullOrUndefined/,
    reason: `it does not run on Node ${process.versions.node}`,
    fix: () => `Use Node 20 or ${NEWEST_NODE}`,
  },
];

const explain = (name: TensorFlowPackage, error: unknown): TensorFlowAttempt => {
  const message = messageOf(error);
  const cause =
    codeOf(error) === 'ERR_MODULE_NOT_FOUND' && message.includes(name)
      ? causes[0]
      : causes.find(({ pattern }) => pattern.test(message));
  return {
    package: name,
    loaded: false,
    reason: cause ? cause.reason : `it fails to load: ${message.slice(0, 200)}`,
    fix: cause ? cause.fix(name) : `npm rebuild ${name}`,
  };
};

/**
 * TensorFlow reads its settings from the environment when its library is loaded. The user's own settings are
 * kept.
 */
const prepare = ({ gpu, threads }: TensorFlowOptions): void => {
  const { env } = process;
  env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  if (gpu !== undefined) env['CUDA_VISIBLE_DEVICES'] = String(gpu);
  if (threads !== undefined) {
    for (const name of ['TF_NUM_INTRAOP_THREADS', 'OMP_NUM_THREADS']) env[name] ??= String(threads);
    env['TF_NUM_INTEROP_THREADS'] ??= '1';
  }
};

/** Whether this machine may have an NVIDIA GPU; true if unknown. */
export const mayHaveGpu = (): boolean => {
  if (process.env['CUDA_VISIBLE_DEVICES'] === '-1') return false;
  if (process.platform === 'darwin') return false;
  return (
    process.platform !== 'linux' ||
    ['/dev/nvidia0', '/dev/nvidiactl', '/dev/dxg'].some((path) => existsSync(path))
  );
};

/** Loads a module by name, as `import` does. */
export type Importer = (name: string) => Promise<unknown>;

/** The package beside this one, else in a folder of NODE_PATH, which only `require` searches. */
const importModule: Importer = async (name) => {
  try {
    const loaded = (await import(name)) as { default?: unknown };
    return loaded.default ?? loaded;
  } catch (error) {
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND' || !process.env['NODE_PATH']) throw error;
    return createRequire(import.meta.url)(name) as unknown;
  }
};

/** Version of a package, if it is installed. */
export const installedVersion = (name: string): string | undefined => {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const file = folders.map((folder) => join(folder, name, 'package.json')).find((path) => existsSync(path));
  return file && (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
};

/** The addon of an installed package: `lib/napi-v8/tfjs_binding.node`. */
const addonsOf = (name: string): string[] => {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const lib = folders.map((folder) => join(folder, name, 'lib')).find((path) => existsSync(path));
  if (lib === undefined) return [];
  return readdirSync(lib)
    .map((folder) => join(lib, folder, 'tfjs_binding.node'))
    .filter((path) => existsSync(path));
};

/**
 * Loads one of the packages; this registers its backend `tensorflow` with tfjs. Never throws: a failure is
 * returned with its reason and the fix.
 *
 * @param load imports the module; replaced in tests
 */
export const loadTensorFlow = async (
  name: TensorFlowPackage,
  options: TensorFlowOptions = {},
  load: Importer = importModule,
): Promise<TensorFlowAttempt> => {
  if (Number.parseInt(process.versions.node) > NEWEST_NODE)
    return explain(name, new Error('isNullOrUndefined'));
  prepare(options);
  try {
    const module = (await load(name)) as Loaded;
    if (module.Tensor !== tf.Tensor) {
      return {
        package: name,
        loaded: false,
        reason: 'it brought a second copy of @tensorflow/tfjs-core',
        fix: 'npm dedupe, so that @tensorflow/tfjs-core 4.22.0 is installed once',
      };
    }
    for (const addon of addonsOf(name)) keepLoaded(addon);
    const backend = tf.findBackend('tensorflow') as
      (tf.KernelBackend & { isUsingGpuDevice?: boolean }) | null;
    if (!backend) throw new Error('it registered no backend');
    return {
      package: name,
      loaded: true,
      gpu: backend.isUsingGpuDevice === true,
      version: module.version?.['tfjs-node'] ?? installedVersion(name) ?? '?',
    };
  } catch (error) {
    return explain(name, error);
  }
};
