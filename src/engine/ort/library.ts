// Finds and loads ONNX Runtime's shared library, calls its functions and turns their statuses into errors.
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi from '../koffi.js';
import { OutOfMemoryError, VerydeepError, messageOf } from '../../errors.js';
import { reinstall } from '../reinstall.js';
import { missingBytes } from './elf.js';
import { API_VERSION, P, functions, releases } from './functions.js';

// ONNX Runtime's official builds report their use to Microsoft. This is switched off when this module is
// loaded, since the library reads the variable when it starts. A value set by the user is kept.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

export type Pointer = bigint;
type Native = (...args: unknown[]) => Pointer | null;
export type Api = Record<keyof typeof functions, Native> & { release: Record<keyof typeof releases, Native> };

export interface Library {
  readonly handle: unknown; // Kept reachable: garbage collection would unload the library while threads run.
  readonly api: Api;
  readonly errorMessage: (status: Pointer) => string;
  readonly version: string;
  readonly path: string;
}

/** This thread's loaded library; on globalThis, so that it lives as long as the thread. */
export const store = globalThis as { [key: symbol]: unknown };
const libraryKey = Symbol.for('verydeep.onnxruntime.library');

const libraryNames: Readonly<Record<string, RegExp>> = {
  linux: /^libonnxruntime\.so\.\d/,
  darwin: /^libonnxruntime\.\d.*\.dylib$/,
  win32: /^onnxruntime\.dll$/,
};

/** ONNX Runtime's library cannot be loaded; `fix` is what to do. */
export class NoLibraryError extends VerydeepError {
  constructor(
    readonly reason: string,
    readonly fix: string,
  ) {
    super(`Cannot load ONNX Runtime: ${reason}. To mend this, ${fix}.`);
  }
}

const OWN_LIBRARY = 'point VERYDEEP_ONNXRUNTIME at a library of version 1.20 or later';

/** Where the library is, and what to do if it is of no use. */
interface Found {
  readonly path: string;
  readonly fix: string;
}

/** ONNX Runtime's shared library: that of `VERYDEEP_ONNXRUNTIME`, else that of onnxruntime-node. */
const findLibrary = (): Found => {
  const given = process.env['VERYDEEP_ONNXRUNTIME'];
  if (given) {
    const fix = `${OWN_LIBRARY}, or unset it`;
    if (!existsSync(given))
      throw new NoLibraryError(`the file ${given} of VERYDEEP_ONNXRUNTIME does not exist`, fix);
    return { path: given, fix };
  }
  let packageFolder: string;
  try {
    packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch {
    throw new NoLibraryError(
      'the package onnxruntime-node is not installed; npm leaves it out where its install script cannot download CUDA files',
      reinstall(),
    );
  }
  const fix = `delete ${packageFolder} and ${reinstall()}`;
  const { platform, arch } = process;
  const bin = join(packageFolder, 'bin');
  const versions = existsSync(bin) ? readdirSync(bin) : [];
  if (versions.length === 0) throw new NoLibraryError(`${packageFolder} holds no libraries`, fix);
  const folder = versions
    .map((version) => join(bin, version, platform, arch))
    .find((path) => existsSync(path));
  if (folder === undefined)
    throw new NoLibraryError(`onnxruntime-node ships no library for ${platform} on ${arch}`, OWN_LIBRARY);
  const name = readdirSync(folder).find((file) => libraryNames[platform]?.test(file));
  if (name === undefined) throw new NoLibraryError(`${folder} holds no library`, fix);
  return { path: join(folder, name), fix };
};

export const loadLibrary = (): Library => {
  if (store[libraryKey]) return store[libraryKey] as Library;
  const { path, fix } = findLibrary();
  const missing = missingBytes(path);
  if (missing > 0) throw new NoLibraryError(`${path} is cut off: ${missing} bytes are missing`, fix);
  let handle: ReturnType<typeof koffi.load>;
  let base: Pointer | null;
  try {
    handle = koffi.load(path);
    base = handle.func('OrtGetApiBase', P, [])() as Pointer | null;
  } catch (error) {
    throw new NoLibraryError(`${path}: ${messageOf(error)}`, fix);
  }
  const at = (table: Pointer, index: number): Pointer => koffi.decode(table, 8 * index, P) as Pointer;
  const bind = (address: Pointer, result: string, args: readonly string[]) =>
    koffi.decode(address, koffi.proto(result, [...args])) as Native;
  const version = String(base && bind(at(base, 1), 'str', [])());
  const table = base && bind(at(base, 0), P, ['uint32_t'])(API_VERSION);
  if (!table) throw new NoLibraryError(`${path} is version ${version}, which is too old`, fix);
  const entries = Object.entries(functions).map(([name, [index, args]]) => [
    name,
    bind(at(table, index), P, args),
  ]);
  const release = Object.fromEntries(
    Object.entries(releases).map(([name, index]) => [name, bind(at(table, index), 'void', [P])]),
  );
  const api = { ...Object.fromEntries(entries), release } as unknown as Api;
  const errorMessage = bind(at(table, 2), 'str', [P]) as unknown as (status: Pointer) => string;
  const library: Library = { handle, api, errorMessage, version, path };
  store[libraryKey] = library;
  return library;
};

/** The source location at the start of ONNX Runtime's error messages. */
const SOURCE = /^\/\S+\.(?:cc|h):\d+ .*?(?:\[ONNXRuntimeError\] : \d+ : \w+ : |was false\. )/;

/** Throws the error that a status carries; no status is success. */
export const check = (library: Library, status: Pointer | null): void => {
  if (status === null) return;
  const message = library
    .errorMessage(status)
    .replace(/\s*\n\s*/g, ' ')
    .replace(SOURCE, '')
    .trim();
  library.api.release.status(status);
  if (/bad_alloc|failed to allocate|out of memory/i.test(message)) {
    throw new OutOfMemoryError(
      `ONNX Runtime: ${message} There is too little memory: use a smaller batch or smaller images.`,
    );
  }
  throw new VerydeepError(`ONNX Runtime: ${message}`);
};

/** Calls a function whose last argument receives a pointer, and returns that pointer. */
export const receive = (library: Library, call: (out: BigUint64Array) => Pointer | null): Pointer => {
  const out = new BigUint64Array(new ArrayBuffer(8));
  check(library, call(out));
  return out[0] as Pointer;
};
