// Loads libtorch, binds its C functions and turns what they report into errors.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import { OutOfMemoryError, VerydeepError, messageOf } from '../../errors.js';
import { type TorchMiss, type TorchPlace, findTorch, isFound } from './find.js';
import { functions, mangledFunctions, newerFunctions } from './functions.js';

type Loaded = ReturnType<typeof koffi.load>;
type Native = (...args: unknown[]) => unknown;
type Bound<Table> = Readonly<Record<keyof Table, Native>>;

/** libtorch, loaded. */
export interface TorchLibrary {
  readonly place: TorchPlace;
  /** Such as `2.13.0`. */
  readonly version: string;
  /** What the library says of its version; operators are called for it. */
  readonly abi: bigint;
  readonly api: Bound<typeof functions>;
  readonly newer: Partial<Bound<typeof newerFunctions>>;
  readonly mangled: Partial<Bound<typeof mangledFunctions>>;
  /** Whether the libraries for NVIDIA's or AMD's GPUs are loaded, or why not. */
  readonly cuda: true | string;
  /** Kept reachable: garbage collection would unload libraries whose threads run. */
  readonly handles: readonly unknown[];
}

/** The first version with the functions that are used. */
const OLDEST = [2, 10] as const;

/** The version in an ABI number: a byte each for major, minor and patch, from the top. */
const versionOf = (abi: bigint): readonly [major: number, minor: number, patch: number] => [
  Number(abi >> 56n),
  Number((abi >> 48n) & 0xffn),
  Number((abi >> 40n) & 0xffn),
];

const store = globalThis as { [key: symbol]: unknown };
const libraryKey = Symbol.for('verydeep.libtorch');

const HOW =
  'pip install torch in a virtual environment and activate it, or point VERYDEEP_TORCH at its folder';

const noTorch = (reason: string): VerydeepError =>
  new VerydeepError(`Cannot load libtorch: ${reason}. ${HOW}.`);

const bindAll = <Table extends Readonly<Record<string, readonly [string, readonly string[]]>>>(
  handle: Loaded,
  table: Table,
): Bound<Table> =>
  Object.fromEntries(
    Object.entries(table).map(([name, [result, args]]) => [name, handle.func(name, result, [...args])]),
  ) as unknown as Bound<Table>;

const bindSome = <Table extends Readonly<Record<string, readonly [string, readonly string[]]>>>(
  handle: Loaded,
  table: Table,
): Partial<Bound<Table>> =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, [result, args]]) => {
      try {
        return [[name, handle.func(name, result, [...args])] as const];
      } catch {
        return [];
      }
    }),
  ) as unknown as Partial<Bound<Table>>;

/** The CUDA libraries that pip installs beside torch: `nvidia/<name>/lib`, which the system's loader does not search. */
const cudaWheels = (folder: string): string[] => {
  const nvidia = join(dirname(dirname(folder)), 'nvidia');
  if (!existsSync(nvidia)) return [];
  return readdirSync(nvidia)
    .map((name) => join(nvidia, name, 'lib'))
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).map((file) => join(path, file)))
    .filter((path) => /\.so\.\d+/.test(path));
};

/** Loads libraries that need one another: as long as one more of them loads, the others are tried again. */
const loadAll = (paths: readonly string[], handles: unknown[]): void => {
  let left = paths;
  for (let before = Infinity; left.length > 0 && left.length < before;) {
    before = left.length;
    left = left.filter((path) => {
      try {
        handles.push(koffi.load(path, { global: true }));
        return false;
      } catch {
        return true;
      }
    });
  }
};

/** Loads the part for GPUs where there is one. */
const loadCuda = ({ folder }: TorchPlace, handles: unknown[]): true | string => {
  const name = ['libtorch_cuda.so', 'libtorch_hip.so', 'torch_cuda.dll'].find((file) =>
    existsSync(join(folder, file)),
  );
  if (!name) return 'this libtorch is a build for the CPU';
  const path = join(folder, name);
  try {
    handles.push(koffi.load(path, { global: true }));
    return true;
  } catch {
    loadAll(cudaWheels(folder), handles);
  }
  try {
    handles.push(koffi.load(path, { global: true }));
    return true;
  } catch (error) {
    return `${path} does not load: ${messageOf(error)}`;
  }
};

const load = (place: TorchPlace): TorchLibrary => {
  const handles: unknown[] = [];
  let handle: Loaded;
  try {
    handle = koffi.load(place.library, { global: true });
  } catch (error) {
    throw noTorch(`${place.library} does not load: ${messageOf(error)}`);
  }
  handles.push(handle);
  let abi: bigint;
  try {
    abi = BigInt(handle.func('aoti_torch_abi_version', 'uint64_t', [])() as number | bigint);
  } catch {
    throw noTorch(`${place.library} is older than 2.6`);
  }
  const [major, minor, patch] = versionOf(abi);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw noTorch(
      `${place.library} is version ${major}.${minor}, where ${OLDEST.join('.')} or later is needed`,
    );
  }
  let api: TorchLibrary['api'];
  try {
    api = bindAll(handle, functions);
  } catch (error) {
    throw noTorch(`${place.library} lacks a function: ${messageOf(error)}`);
  }
  return {
    place,
    version: `${major}.${minor}.${patch}`,
    abi,
    api,
    newer: bindSome(handle, newerFunctions),
    mangled: bindSome(handle, mangledFunctions),
    cuda: loadCuda(place, handles),
    handles,
  };
};

const inWords = ({ from, reason }: TorchMiss): string => `${reason} (${from})`;

/**
 * Loads libtorch, once a thread.
 *
 * @throws VerydeepError with every place that was tried, or why the library cannot be used
 */
export const loadTorch = (): TorchLibrary => {
  const loaded = store[libraryKey] as TorchLibrary | undefined;
  if (loaded) return loaded;
  const tried = findTorch();
  const place = tried.find(isFound);
  if (!place) throw noTorch(tried.map((miss) => inWords(miss as TorchMiss)).join('; '));
  const library = load(place);
  store[libraryKey] = library;
  // A setting of the thread: nothing is recorded for torch's own gradients.
  library.api.aoti_torch_grad_mode_set_enabled(false);
  return library;
};

/**
 * Whether NVIDIA's libraries may compute float32 products in TF32 (8 bits of exponent, 10 of fraction). They read the
 * environment when they are first used; a value set by the user is kept.
 */
export const setTf32 = (allowed: boolean): void => {
  const { env } = process;
  if (allowed) env['TORCH_ALLOW_TF32_CUBLAS_OVERRIDE'] ??= '1';
  else env['NVIDIA_TF32_OVERRIDE'] ??= '0';
};

const OUT_OF_MEMORY = /out of memory|can't allocate memory|not enough memory|DefaultCPUAllocator/i;

/** The error that libtorch caught, with its own text. */
export const errorOf = (library: TorchLibrary, doing: string): VerydeepError => {
  const text = library.newer.torch_exception_get_what_without_backtrace?.() as string | undefined;
  const message = (text ?? 'it printed the reason').trim().replace(/\s*\n\s*/g, ' ');
  if (OUT_OF_MEMORY.test(message)) {
    return new OutOfMemoryError(
      `libtorch: ${message} There is too little memory: use a smaller batch or smaller images.`,
    );
  }
  return new VerydeepError(`libtorch: ${doing}: ${message}`);
};

/** Throws what libtorch caught, if a function's status says so. */
export const check = (library: TorchLibrary, status: unknown, doing: string): void => {
  if (status !== 0) throw errorOf(library, doing);
};
