// Finds and loads ONNX Runtime's shared library, calls its functions and turns their statuses into errors.
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import { OutOfMemoryError, VerydeepError, messageOf } from '../../errors.js';
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

const noLibrary = (reason: string): VerydeepError =>
  new VerydeepError(
    `Cannot load ONNX Runtime: ${reason} Run "npm ci" again on this machine, or point VERYDEEP_ONNXRUNTIME at a library of version 1.20 or later.`,
  );

/** Path of ONNX Runtime's shared library: `VERYDEEP_ONNXRUNTIME`, else the one of onnxruntime-node. */
const findLibrary = (): string => {
  const given = process.env['VERYDEEP_ONNXRUNTIME'];
  if (given) {
    if (!existsSync(given)) throw noLibrary(`the file ${given} of VERYDEEP_ONNXRUNTIME does not exist.`);
    return given;
  }
  let packageFolder: string;
  try {
    packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch (error) {
    throw noLibrary(`the package onnxruntime-node is not installed (${messageOf(error)}).`);
  }
  const { platform, arch } = process;
  const bin = join(packageFolder, 'bin');
  const pattern = libraryNames[platform];
  for (const version of existsSync(bin) && pattern ? readdirSync(bin) : []) {
    const folder = join(bin, version, platform, arch);
    const name = existsSync(folder) && readdirSync(folder).find((file) => pattern!.test(file));
    if (name) return join(folder, name);
  }
  throw noLibrary(`onnxruntime-node ships no library for ${platform} on ${arch}.`);
};

export const loadLibrary = (): Library => {
  if (store[libraryKey]) return store[libraryKey] as Library;
  const path = findLibrary();
  let handle: ReturnType<typeof koffi.load>;
  let base: Pointer | null;
  try {
    handle = koffi.load(path);
    base = handle.func('OrtGetApiBase', P, [])() as Pointer | null;
  } catch (error) {
    throw noLibrary(`${path}: ${messageOf(error)}.`);
  }
  const at = (table: Pointer, index: number): Pointer => koffi.decode(table, 8 * index, P) as Pointer;
  const bind = (address: Pointer, result: string, args: readonly string[]) =>
    koffi.decode(address, koffi.proto(result, [...args])) as Native;
  const version = String(base && bind(at(base, 1), 'str', [])());
  const table = base && bind(at(base, 0), P, ['uint32_t'])(API_VERSION);
  if (!table) throw noLibrary(`${path} is version ${version}, which is too old.`);
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
